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
  application.post<{ Reply: ChallengeAnswer }>(
    "/v1/challenges",
    { schema: { response: { 200: strict({ nonce: Id }) } } },
    () => ({
      nonce: sessions.challenge(),
    }),
  );

  application.post<{ Body: SessionRequest; Reply: SessionAnswer }>(
    "/v1/sessions",
    {
      schema: {
        body: strict({ subject: Subject, nonce: Id, signature: Bytes }),
        response: { 201: strict({ token: Type.String(), expiresAtMs: Type.Integer() }) },
      },
    },
    async (request, reply) => reply.code(201).send(await sessions.open(request.body)),
  );
}
