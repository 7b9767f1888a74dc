import type { FastifyInstance } from "fastify";
import {
  asAccountId,
  asConversationId,
  encodeServerFrame,
  fromBase64Url,
  joinRefusals,
  limits,
  toBase64Url,
  type ConversationId,
  type JoinRefusal,
  type JoinRefusalRequest,
  type JoinRequestAnswer,
  type JoinRequestBody,
  type JoinRequestsAnswer,
} from "@portcullis/protocol";
import { Type } from "typebox";
import { deviceKey } from "../delivery/keys.ts";
import { ServerError } from "../errors.ts";
import { RateLimit } from "../rate-limit.ts";
import type { ServerContext } from "../server-context.ts";
import { callerOf } from "./caller.ts";
import { Id, strict } from "./schemas.ts";

/** A client asks again for all that waits, 16 at most, whenever it connects. */
const ASKING = { perSecond: 1, burst: 64 };
const MOST = {
  perAccount: limits.joinRequestsPerAccount,
  perConversation: limits.joinRequestsPerConversation,
};

const Params = strict({ conversation: Id });
const Time = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Request = {
  /** 16 bytes. */
  linkId: Type.String({ pattern: "^[A-Za-z0-9_-]{22}$" }),
  askedAtMs: Time,
  /** 64 bytes. */
  signature: Type.String({ pattern: "^[A-Za-z0-9_-]{86}$" }),
};
const Refusal = Type.Union(joinRefusals.map((refusal) => Type.Literal(refusal)));

interface Route {
  readonly Params: { readonly conversation: string };
}

/**
 * Requests to join, kept for the members to answer: the server can tell neither a good one from a bad one nor who of them
 * may answer, and lets nobody in.
 */
export function joinRequestRoutes(application: FastifyInstance, context: ServerContext): void {
  const { store, realClock } = context;
  const rate = new RateLimit(ASKING);

  application.route<Route & { Body: JoinRequestBody; Reply: JoinRequestAnswer }>({
    method: "PUT",
    url: "/v1/join-requests/:conversation",
    schema: {
      params: Params,
      body: strict(Request),
      response: { 200: strict({ refusal: Type.Optional(Refusal) }) },
    },
    handler: async (request) => {
      const { accountId } = await callerOf(request, context, "device");
      const nowMs = realClock.now();
      if (!rate.take(toBase64Url(accountId), nowMs)) throw new ServerError("RATE_LIMITED");
      const conversationId = idIn(request.params);
      const { linkId, askedAtMs, signature } = request.body;
      const asked = { linkId: fromBase64Url(linkId), askedAtMs, signature: fromBase64Url(signature) };
      const expiresAtMs = nowMs + limits.joinRequestSeconds * 1000;
      const outcome = await store.joinRequests.ask(
        { conversationId, accountId, ...asked, expiresAtMs },
        nowMs,
        MOST,
      );
      if (outcome.kind === "member") throw new ServerError("JOIN_MEMBER");
      if (outcome.kind === "too-many") throw new ServerError("JOIN_LIMIT");
      if (outcome.kind === "not-taken") throw new ServerError("JOIN_NOT_TAKEN");
      if (outcome.kind === "refused") return { refusal: outcome.refusal as JoinRefusal };
      if (outcome.isNew) await tellMembers(context, conversationId);
      return {};
    },
  });

  application.route<Route>({
    method: "POST",
    url: "/v1/join-requests/:conversation/withdrawal",
    schema: { params: Params, response: { 200: strict({}) } },
    handler: async (request) => {
      const { accountId } = await callerOf(request, context, "device");
      await store.joinRequests.withdraw(idIn(request.params), accountId);
      return {};
    },
  });

  const Waiting = strict({ accountId: Id, ...Request, sequence: Type.Integer() });
  application.route<Route & { Reply: JoinRequestsAnswer }>({
    method: "GET",
    url: "/v1/join-requests/:conversation",
    schema: { params: Params, response: { 200: strict({ requests: Type.Array(Waiting) }) } },
    handler: async (request) => {
      const conversationId = idIn(request.params);
      await requireMember(context, conversationId, await callerOf(request, context, "device"));
      const waiting = await store.joinRequests.waitingIn(conversationId, realClock.now());
      const requests = waiting.map(({ accountId, linkId, askedAtMs, signature, sequence }) => ({
        accountId: toBase64Url(accountId),
        linkId: toBase64Url(linkId),
        askedAtMs,
        signature: toBase64Url(signature),
        sequence,
      }));
      return { requests };
    },
  });

  application.route<Route & { Body: JoinRefusalRequest }>({
    method: "POST",
    url: "/v1/join-requests/:conversation/refusals",
    schema: {
      params: Params,
      body: strict({ accountId: Id, askedAtMs: Time, refusal: Refusal }),
      response: { 200: strict({}) },
    },
    handler: async (request) => {
      const conversationId = idIn(request.params);
      await requireMember(context, conversationId, await callerOf(request, context, "device"));
      const { askedAtMs, refusal } = request.body;
      const accountId = asAccountId(fromBase64Url(request.body.accountId));
      if (await store.joinRequests.refuse({ conversationId, accountId, askedAtMs }, refusal)) {
        const devices = await store.accounts.devices(accountId);
        tell(
          context,
          conversationId,
          devices.map(({ deviceId }) => ({ accountId, deviceId })),
        );
      }
      return {};
    },
  });
}

type Device = Parameters<typeof deviceKey>[0];

const idIn = ({ conversation }: Route["Params"]): ConversationId =>
  asConversationId(fromBase64Url(conversation));

/** Like everywhere: the same answer for a conversation that does not exist. @throws ServerError NOT_MEMBER */
async function requireMember(
  { store }: ServerContext,
  conversationId: ConversationId,
  caller: Device,
): Promise<void> {
  const devices = await store.conversations.devices(conversationId);
  if (!devices.some((device) => deviceKey(device) === deviceKey(caller))) throw new ServerError("NOT_MEMBER");
}

async function tellMembers(context: ServerContext, conversationId: ConversationId): Promise<void> {
  tell(context, conversationId, await context.store.conversations.devices(conversationId));
}

/** A hint to whoever is connected; the others ask when they connect. */
function tell(
  { dispatcher }: ServerContext,
  conversationId: ConversationId,
  devices: readonly Device[],
): void {
  dispatcher.tell(devices, encodeServerFrame({ type: "join-requests", conversationId }));
}
