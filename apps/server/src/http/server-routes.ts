import type { FastifyInstance } from "fastify";
import { verifyPolicy, type VerifiedPolicy } from "@portcullis/access/verify";
import {
  toBase64Url,
  utf8,
  type ServerAnswer,
  type LedgerEntryAnswer,
  type LoggedOpeningsAnswer,
  type PolicyRequest,
} from "@portcullis/protocol";
import { Type } from "typebox";
import { ServerError } from "../errors.ts";
import { logOpening } from "../ledger/submission.ts";
import type { ServerContext } from "../server-context.ts";
import { callerOf } from "./caller.ts";
import { Bytes, Id, Jws, strict } from "./schemas.ts";

const LoggedOpenings = strict({
  openings: Type.Array(strict({ opening: Bytes, proof: Type.String() })),
});

/** What everybody may know of this server: its keys, its policy, who holds shares and who may order. */
export function serverRoutes(application: FastifyInstance, context: ServerContext): void {
  const { provider, keys, policy, store, accessLog, witnesses, witnessThreshold } = context;

  application.route({
    method: "GET",
    url: "/healthz",
    handler: () => ({ healthy: true }),
  });
  application.route({
    method: "GET",
    url: "/readyz",
    handler: async () => {
      await store.openings.byEntry("access", new Uint8Array(32));
      return { ready: true };
    },
  });

  const ServerInformation = strict({
    provider: Type.String(),
    policy: Type.Optional(Jws),
    policyId: Type.Optional(Id),
    frankingKey: Id,
    accessLog: Type.String(),
    identityLog: Type.String(),
    vrfKey: Bytes,
    witnesses: Type.Array(Type.String()),
    witnessThreshold: Type.Integer(),
  });
  application.route<{ Reply: ServerAnswer }>({
    method: "GET",
    url: "/v1/server",
    schema: { response: { 200: ServerInformation } },
    handler: (): ServerAnswer => {
      const { current } = policy;
      return {
        provider,
        ...(current && { policy: current.jws, policyId: toBase64Url(current.id) }),
        frankingKey: toBase64Url(keys.franks.signing.publicKey),
        accessLog: keys.accessLog.key.text,
        identityLog: keys.identityLog.key.text,
        vrfKey: toBase64Url(keys.vrf.publicKey),
        witnesses,
        witnessThreshold,
      };
    },
  });

  application.route<{ Body: PolicyRequest; Reply: LedgerEntryAnswer }>({
    method: "POST",
    url: "/v1/policy",
    schema: {
      body: strict({ jws: Jws }),
      response: { 201: strict({ index: Type.Integer(), proof: Type.String() }) },
    },
    handler: async (request, reply) => {
      await callerOf(request, context, "operator");
      const { jws } = request.body;
      const verified = await verifyPolicy(jws);
      requireOurs(verified, context);
      if (policy.current !== undefined && toBase64Url(policy.current.id) !== toBase64Url(verified.id))
        throw new ServerError("POLICY_SET");
      const answer = await logOpening(context, "policy", utf8(jws));
      await policy.reload();
      return reply.code(201).send(answer);
    },
  });

  for (const [path, kind] of [
    ["/v1/keysets", "keyset"],
    ["/v1/authorities", "authority"],
    ["/v1/notices", "notice"],
  ] as const)
    application.route<{ Reply: LoggedOpeningsAnswer }>({
      method: "GET",
      url: path,
      schema: { response: { 200: LoggedOpenings } },
      handler: async () => {
        const published = accessLog.tiles.published?.size ?? 0;
        const openings = [];
        for (const { logIndex, opening } of await store.openings.ofKind("access", kind)) {
          if (logIndex === null || logIndex >= published || opening === null) continue;
          const proof = await accessLog.tiles.readTlogProof(logIndex);
          openings.push({ opening: toBase64Url(opening), proof });
        }
        return { openings };
      },
    });
}

function requireOurs({ policy }: VerifiedPolicy, { provider, keys }: ServerContext): void {
  if (
    policy.provider !== provider ||
    policy.log !== keys.accessLog.key.text ||
    policy.identityLog !== keys.identityLog.key.text
  )
    throw new ServerError("POLICY_NOT_OURS");
}
