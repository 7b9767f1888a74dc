import type { ChallengeAnswer, SessionAnswer, SessionRequest } from "@portcullis/protocol";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import type { ServerContext } from "../server-context.ts";
import { Bytes, Id, strict } from "./schemas.ts";

const Subject = Type.Union([
  strict({ kind: Type.Literal("device"), accountId: Id, deviceId: Bytes }),
  strict({ kind: Type.Literal("custodian"), id: Type.String({ maxLength: 64 }) }),
  strict({ kind: Type.Literal("recipient"), orderHash: Id }),
]);

/** Sessions: whoever signs a fresh challenge with the subject's key gets a token. */
export function sessionRoutes(application: FastifyInstance, { sessions }: ServerContext): void {
  application.route<{ Reply: ChallengeAnswer }>({
    method: "POST",
    url: "/v1/challenges",
    schema: { response: { 200: strict({ nonce: Id }) } },
    handler: () => ({
      nonce: sessions.challenge(),
    }),
  });

  application.route<{ Body: SessionRequest; Reply: SessionAnswer }>({
    method: "POST",
    url: "/v1/sessions",
    schema: {
      body: strict({ subject: Subject, nonce: Id, signature: Bytes }),
      response: { 201: strict({ token: Type.String(), expiresAtMs: Type.Integer() }) },
    },
    handler: async (request, reply) => reply.code(201).send(await sessions.open(request.body)),
  });
}
