import type { FastifyRequest } from "fastify";
import { ServerError } from "../errors.ts";
import type { ServerContext } from "../server-context.ts";
import type { Caller } from "../sessions.ts";

/** Who calls, who must be one of `kinds`. @throws ServerError SESSION_REQUIRED, SESSION_INVALID, SESSION_FORBIDDEN */
export async function callerOf<Kind extends Caller["kind"]>(
  request: FastifyRequest,
  context: ServerContext,
  ...kinds: readonly Kind[]
): Promise<Extract<Caller, { kind: Kind }>> {
  const token = /^Bearer ([A-Za-z0-9_-]+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (token === undefined) throw new ServerError("SESSION_REQUIRED");
  const caller = await context.sessions.caller(token);
  if (!(kinds as readonly string[]).includes(caller.kind)) throw new ServerError("SESSION_FORBIDDEN");
  return caller as Extract<Caller, { kind: Kind }>;
}
