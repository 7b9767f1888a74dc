import type { FastifyInstance } from "fastify";
import {
  decodeOpening,
  verifyAuthority,
  verifyKeyset,
  type Opening,
  type OpeningKind,
} from "@portcullis/access/verify";
import {
  fromBase64Url,
  fromUtf8,
  toBase64Url,
  type ConsistencyAnswer,
  type ConsistencyPathAnswer,
  type InclusionAnswer,
  type LedgerEntryAnswer,
  type LedgerEntryRequest,
  type OpeningsAnswer,
} from "@portcullis/protocol";
import { Type } from "typebox";
import { ServerError } from "../errors.ts";
import type { Origin } from "@portcullis/store";
import type { OriginLog } from "../ledger/origin-log.ts";
import { logSealedOpening } from "../ledger/submission.ts";
import type { ServerContext } from "../server-context.ts";
import { callerOf } from "./caller.ts";
import { Bytes, Index, strict } from "./schemas.ts";

const OPENINGS_PER_ANSWER = 1000;
/** The others have their own ways in, or are the server's own. */
const submittable: ReadonlySet<OpeningKind> = new Set([
  "keyset",
  "authority",
  "approve",
  "release",
  "notice",
  "unseal",
]);

/** The access log for those who write to it and those who check it. */
export function ledgerRoutes(application: FastifyInstance, context: ServerContext): void {
  const { store, accessLog, identityLog, policy } = context;

  const openingsOf = async (origin: Origin, log: OriginLog, from: number): Promise<OpeningsAnswer> => {
    const { published } = log.tiles;
    if (published === undefined) throw new ServerError("NOT_PUBLISHED");
    const stored = await store.openings.from(origin, from, OPENINGS_PER_ANSWER);
    const openings = stored.flatMap(({ logIndex, opening }) =>
      logIndex !== null && logIndex < published.size && opening ? [toBase64Url(opening)] : [],
    );
    return { openings, checkpoint: published.note };
  };

  application.route<{ Body: LedgerEntryRequest; Reply: LedgerEntryAnswer }>({
    method: "POST",
    url: "/v1/ledger/entries",
    schema: {
      body: strict({ opening: Bytes }),
      response: { 201: strict({ index: Type.Integer(), proof: Type.String() }) },
    },
    handler: async (request, reply) => {
      await callerOf(request, context, "custodian", "operator");
      const opening = decodeOpening(fromBase64Url(request.body.opening));
      await checkOpening(opening, context);
      const answer = await logSealedOpening(context, opening.kind, opening.bytes);
      if (opening.kind === "keyset") await policy.reload();
      return reply.code(201).send(answer);
    },
  });

  application.route<{ Querystring: { from: number }; Reply: OpeningsAnswer }>({
    method: "GET",
    url: "/v1/ledger/openings",
    schema: {
      querystring: strict({ from: Index }),
      response: { 200: strict({ openings: Type.Array(Bytes), checkpoint: Type.String() }) },
    },
    handler: async (request) => {
      await callerOf(request, context, "custodian", "operator");
      return await openingsOf("access", accessLog, request.query.from);
    },
  });

  application.route<{ Querystring: { from: number }; Reply: OpeningsAnswer }>({
    method: "GET",
    url: "/v1/identity/openings",
    schema: {
      querystring: strict({ from: Index }),
      response: { 200: strict({ openings: Type.Array(Bytes), checkpoint: Type.String() }) },
    },
    handler: async ({ query }) => await openingsOf("identity", identityLog, query.from),
  });

  application.route<{ Querystring: { old: number; new: number }; Reply: ConsistencyPathAnswer }>({
    method: "GET",
    url: "/v1/identity/consistency",
    schema: {
      querystring: strict({ old: Index, new: Index }),
      response: { 200: strict({ path: Type.Array(Bytes) }) },
    },
    handler: async ({ query }) => {
      const published = identityLog.tiles.published?.size ?? 0;
      if (query.new > published) throw new ServerError("NOT_PUBLISHED");
      const path = await identityLog.tiles.readConsistencyProof(query.old, query.new);
      return { path: path.map((hash) => toBase64Url(hash)) };
    },
  });

  application.route<{ Params: { index: number }; Reply: InclusionAnswer }>({
    method: "GET",
    url: "/v1/ledger/proof/:index",
    schema: { params: strict({ index: Index }), response: { 200: strict({ proof: Type.String() }) } },
    handler: async ({ params }) => ({ proof: await accessLog.tiles.readTlogProof(params.index) }),
  });

  application.route<{ Querystring: { old: number }; Reply: ConsistencyAnswer }>({
    method: "GET",
    url: "/v1/ledger/consistency",
    schema: {
      querystring: strict({ old: Index }),
      response: { 200: strict({ path: Type.Array(Bytes), checkpoint: Type.String() }) },
    },
    handler: async ({ query }) => {
      const { published } = accessLog.tiles;
      if (published === undefined) throw new ServerError("NOT_PUBLISHED");
      const path = await accessLog.tiles.readConsistencyProof(query.old, published.size);
      return { path: path.map((hash) => toBase64Url(hash)), checkpoint: published.note };
    },
  });
}

/** What everybody will rely on is checked before it stands in the log for good. */
async function checkOpening({ kind, body }: Opening, { policy }: ServerContext): Promise<void> {
  if (!submittable.has(kind)) throw new ServerError("OPENING_KIND", { kind });
  if (kind === "keyset") await verifyKeyset(fromUtf8(body), policy.require());
  if (kind === "authority") await verifyAuthority(fromUtf8(body), policy.require());
}
