import { decodeOrder, encodeOrderEntry, sealOpening } from "@portcullis/access/verify";
import {
  asOrderHash,
  fromBase64Url,
  toBase64Url,
  type OrderHash,
  type BatchesAnswer,
  type OrderAccountsAnswer,
  type OrderAnswer,
  type OrderRequest,
  type OrdersAnswer,
} from "@portcullis/protocol";
import type { StoredOrder } from "@portcullis/store";
import { Type } from "typebox";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { ServerError } from "../errors.ts";
import { published } from "../ledger/submission.ts";
import { orderAccounts, orderItems, orderTargets } from "../orders.ts";
import type { ServerContext } from "../server-context.ts";
import type { Caller } from "../sessions.ts";
import { deviceProof } from "./account-routes.ts";
import { callerOf } from "./caller.ts";
import { Bytes, Id, Jws, strict } from "./schemas.ts";

const OrderPathSchema = strict({ orderHash: Id });
interface OrderPath {
  orderHash: string;
}

const OCTETS = "application/octet-stream";

/** Orders from the desk to the custodians, and their shares from them to the recipient. The server judges nothing here. */
export function orderRoutes(application: FastifyInstance, context: ServerContext): void {
  const { store, accessLog, clock, random } = context;

  application.route<{ Body: OrderRequest; Reply: OrderAnswer }>({
    method: "POST",
    url: "/v1/orders",
    schema: {
      body: strict({ jws: Jws, sealedNotices: Type.Array(Bytes, { maxItems: 1000 }) }),
      response: { 201: strict({ orderHash: Id, index: Type.Integer(), proof: Type.String() }) },
    },
    handler: async (request, reply) => {
      await callerOf(request, context, "operator");
      const { jws } = request.body;
      const sealedNotices = request.body.sealedNotices.map((notice) => fromBase64Url(notice));
      const { order, hash } = decodeOrder(jws);
      let stands = await store.orders.get(hash);
      if (stands === undefined) {
        const { opening, entry } = sealOpening("order", encodeOrderEntry({ jws, sealedNotices }), random);
        const recipientKey = fromBase64Url(order.recipient.signingKey);
        stands = { orderHash: hash, jws, entry, recipientKey, receivedAtMs: clock.now() };
        await store.orders.add(stands, opening);
        accessLog.queued({ entry, kind: "order", opening });
      }
      const answer = await published(context, accessLog, stands.entry);
      return reply.code(201).send({ orderHash: toBase64Url(hash), ...answer });
    },
  });

  application.route<{ Reply: OrdersAnswer }>({
    method: "GET",
    url: "/v1/orders",
    schema: {
      response: {
        200: strict({
          orders: Type.Array(strict({ orderHash: Id, jws: Jws, index: Type.Integer() })),
        }),
      },
    },
    handler: async (request) => {
      await callerOf(request, context, "custodian", "operator");
      const orders = [];
      for (const { orderHash, jws, entry } of await store.orders.all()) {
        const opening = await accessLog.publication(entry, 0);
        if (opening) orders.push({ orderHash: toBase64Url(orderHash), jws, index: opening.logIndex });
      }
      return { orders };
    },
  });

  application.route<{ Params: OrderPath }>({
    method: "GET",
    url: "/v1/orders/:orderHash/targets",
    schema: { params: OrderPathSchema },
    handler: async (request, reply) => {
      const order = await orderFor(request, request.params.orderHash, "custodian", "recipient", "operator");
      return reply.type(OCTETS).send(Buffer.from(await orderTargets(context, order)));
    },
  });

  application.route<{ Params: OrderPath }>({
    method: "GET",
    url: "/v1/orders/:orderHash/items",
    schema: { params: OrderPathSchema },
    handler: async (request, reply) => {
      const order = await orderFor(request, request.params.orderHash, "recipient");
      return reply.type(OCTETS).send(Buffer.from(await orderItems(context, order)));
    },
  });

  application.route<{ Params: OrderPath; Reply: OrderAccountsAnswer }>({
    method: "GET",
    url: "/v1/orders/:orderHash/accounts",
    schema: { params: OrderPathSchema, response: { 200: strict({ deviceProofs: Type.Array(Bytes) }) } },
    handler: async (request) => {
      const order = await orderFor(request, request.params.orderHash, "custodian", "recipient", "operator");
      const deviceProofs: string[] = [];
      for (const accountId of await orderAccounts(context, order))
        for (const list of await store.accounts.lists(accountId))
          deviceProofs.push(toBase64Url(await deviceProof(context, list)));
      return { deviceProofs };
    },
  });

  application.route<{ Params: OrderPath }>({
    method: "POST",
    url: "/v1/orders/:orderHash/batches",
    schema: { params: OrderPathSchema, response: { 201: strict({}) } },
    handler: async (request, reply) => {
      const { id } = await callerOf(request, context, "custodian");
      const { orderHash } = await orderBy(request.params.orderHash);
      if (!(request.body instanceof Uint8Array)) throw new ServerError("REQUEST_INVALID");
      if (!(await store.orders.addBatch(orderHash, id, request.body))) throw new ServerError("BATCH_EXISTS");
      return reply.code(201).send({});
    },
  });

  application.route<{ Params: OrderPath; Reply: BatchesAnswer }>({
    method: "GET",
    url: "/v1/orders/:orderHash/batches",
    schema: {
      params: OrderPathSchema,
      response: {
        200: strict({ batches: Type.Array(strict({ custodian: Type.String(), batch: Type.String() })) }),
      },
    },
    handler: async (request) => {
      const { orderHash } = await orderFor(request, request.params.orderHash, "recipient");
      const batches = await store.orders.batches(orderHash);
      return {
        batches: batches.map(({ custodian, batch }) => ({ custodian, batch: toBase64Url(batch) })),
      };
    },
  });

  async function orderBy(text: string): Promise<StoredOrder> {
    const order = await store.orders.get(asOrderHash(fromBase64Url(text)));
    if (order === undefined) throw new ServerError("ORDER_UNKNOWN");
    return order;
  }

  /** A recipient gets what belongs to its own order, and nothing of another. */
  async function orderFor(
    request: FastifyRequest,
    text: string,
    ...kinds: readonly Caller["kind"][]
  ): Promise<StoredOrder> {
    const caller = await callerOf(request, context, ...kinds);
    if (caller.kind === "recipient" && !isOrder(caller.orderHash, text))
      throw new ServerError("SESSION_FORBIDDEN");
    return await orderBy(text);
  }
}

function isOrder(orderHash: OrderHash, text: string): boolean {
  return toBase64Url(orderHash) === text;
}
