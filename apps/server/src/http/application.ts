import swagger from "@fastify/swagger";
import { TypeBoxValidatorCompiler } from "@fastify/type-provider-typebox";
import { limits, PortcullisError } from "@portcullis/protocol";
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply } from "fastify";
import { ServerError } from "../errors.ts";
import type { Log } from "../log.ts";
import { RateLimit } from "../rate-limit.ts";
import type { ServerContext } from "../server-context.ts";
import { statusOf } from "../status.ts";
import { accountRoutes } from "./account-routes.ts";
import { backupRoutes } from "./backup-routes.ts";
import { blobRoutes } from "./blob-routes.ts";
import { conversationRoutes } from "./conversation-routes.ts";
import { inviteRoutes } from "./invite-routes.ts";
import { joinRequestRoutes } from "./join-request-routes.ts";
import { keyPackageRoutes } from "./key-package-routes.ts";
import { ledgerRoutes } from "./ledger-routes.ts";
import { linkRoutes } from "./link-routes.ts";
import { orderRoutes } from "./order-routes.ts";
import { recoveryRoutes } from "./recovery-routes.ts";
import { reportRoutes } from "./report-routes.ts";
import { serverRoutes } from "./server-routes.ts";
import { sessionRoutes } from "./session-routes.ts";
import { tileRoutes } from "./tile-routes.ts";

/** A custodian's sealed batch for the largest order. */
const BATCH_BYTES = 16 * 1024 * 1024;

/** The HTTP API, described by the very schemas that validate it at /openapi.json. */
export async function createApplication(context: ServerContext, log: Log): Promise<FastifyInstance> {
  const application: FastifyInstance = fastify({ bodyLimit: limits.bodyBytes, forceCloseConnections: true });
  application.setValidatorCompiler(TypeBoxValidatorCompiler);
  await application.register(swagger, {
    openapi: { info: { title: "Portcullis", version: "1" }, openapi: "3.1.0" },
  });
  application.addContentTypeParser(
    "application/octet-stream",
    { parseAs: "buffer", bodyLimit: BATCH_BYTES },
    (_request, body, done) => done(null, body),
  );
  limitRates(application, context);
  application.setErrorHandler<FastifyError>((error, _request, reply) => sendError(error, reply, log));
  application.setNotFoundHandler((_request, reply) => sendError(new ServerError("NOT_FOUND"), reply, log));
  for (const routes of [
    serverRoutes,
    sessionRoutes,
    accountRoutes,
    keyPackageRoutes,
    inviteRoutes,
    recoveryRoutes,
    backupRoutes,
    blobRoutes,
    linkRoutes,
    conversationRoutes,
    joinRequestRoutes,
    reportRoutes,
    ledgerRoutes,
    orderRoutes,
    tileRoutes,
  ])
    routes(application, context);
  application.get("/openapi.json", { schema: { hide: true } }, () => application.swagger());
  await application.ready();
  return application;
}

/** Per address, generously: whole organisations sit behind one. */
function limitRates(application: FastifyInstance, { realClock }: ServerContext): void {
  const rate = new RateLimit({ perSecond: 500, burst: 5000 });
  application.addHook("onRequest", async (request) => {
    if (!rate.take(request.ip, realClock.now())) throw new ServerError("RATE_LIMITED");
  });
}

function sendError(error: Error & { readonly statusCode?: number }, reply: FastifyReply, log: Log): unknown {
  if (error instanceof PortcullisError) {
    const { code, message, facts } = error;
    return reply.code(statusOf(code)).send({ code, message, facts });
  }
  const invalid = error.statusCode !== undefined && error.statusCode < 500;
  if (!invalid) log("error", "request", { error: error.message });
  const answer = invalid
    ? new ServerError("REQUEST_INVALID", { reason: error.message })
    : new ServerError("SERVER_FAILED");
  const { code, message, facts } = answer;
  return reply.code(invalid ? (error.statusCode ?? 400) : 500).send({ code, message, facts });
}
