import type { FastifyInstance } from "fastify";
import { sha256 } from "@portcullis/crypto";
import {
  asAccountId,
  fromBase64Url,
  limits,
  toBase64Url,
  type RecoveryAnswer,
  type RecoveryAttempt,
  type RecoveryRequest,
  type RecoveryVersionAnswer,
} from "@portcullis/protocol";
import { Type } from "typebox";
import { ServerError } from "../errors.ts";
import type { ServerContext } from "../server-context.ts";
import { callerOf } from "./caller.ts";
import { Bytes, Id, strict } from "./schemas.ts";

const DAY_MS = 24 * 3600 * 1000;
const FAILED_TRIES_PER_DAY = 10;

/** Sealed account keys for those who lost every device. A session alone never gets one. */
export function recoveryRoutes(application: FastifyInstance, context: ServerContext): void {
  const { store, realClock } = context;

  application.route<{ Reply: RecoveryVersionAnswer }>({
    method: "GET",
    url: "/v1/recovery",
    schema: { response: { 200: strict({ version: Type.Integer() }) } },
    handler: async (request) => {
      const { accountId } = await callerOf(request, context, "device");
      return { version: await store.recoveries.version(accountId) };
    },
  });

  application.route<{ Body: RecoveryRequest }>({
    method: "PUT",
    url: "/v1/recovery",
    schema: {
      body: strict({
        version: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
        sealed: Type.String({ pattern: "^[A-Za-z0-9_-]+$", maxLength: limits.recoveryBytes }),
        authenticatorHash: Id,
      }),
      response: { 200: strict({}) },
    },
    handler: async (request) => {
      const { accountId } = await callerOf(request, context, "device");
      const { version, sealed, authenticatorHash } = request.body;
      const recovery = {
        accountId,
        version,
        sealed: fromBase64Url(sealed),
        authenticatorHash: fromBase64Url(authenticatorHash),
      };
      if ((await store.recoveries.put(recovery)) === "not-next") throw new ServerError("RECOVERY_NOT_NEXT");
      return {};
    },
  });

  application.route<{ Params: { accountId: string }; Body: RecoveryAttempt; Reply: RecoveryAnswer }>({
    method: "POST",
    url: "/v1/accounts/:accountId/recovery",
    schema: {
      params: strict({ accountId: Id }),
      body: strict({ authenticator: Id }),
      response: { 200: strict({ sealed: Bytes }) },
    },
    handler: async ({ params, body }) => {
      const accountId = asAccountId(fromBase64Url(params.accountId));
      const hash = sha256(fromBase64Url(body.authenticator));
      const day = Math.floor(realClock.now() / DAY_MS);
      const limit = { day, most: FAILED_TRIES_PER_DAY };
      const outcome = await store.recoveries.attempt(accountId, hash, limit);
      if (outcome === "locked") throw new ServerError("RECOVERY_LOCKED");
      if (outcome === "refused") throw new ServerError("RECOVERY_REFUSED");
      return { sealed: toBase64Url(outcome) };
    },
  });
}
