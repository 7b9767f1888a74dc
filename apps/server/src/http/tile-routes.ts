import type { FastifyInstance } from "fastify";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { Type } from "typebox";
import { ServerError } from "../errors.ts";
import type { ServerContext } from "../server-context.ts";
import { strict } from "./schemas.ts";

/** C2SP tlog-tiles: nothing but these names is ever looked up on disk. */
const TILE = /^tile\/(?:entries|[0-9]{1,2})(?:\/x[0-9]{3})*\/[0-9]{3}(?:\.p\/[0-9]{1,3})?$/;
const CACHE_FOREVER = "public, max-age=31536000, immutable";

/** Both logs as static files, for any C2SP client. */
export function tileRoutes(application: FastifyInstance, { accessLog, identityLog }: ServerContext): void {
  for (const [prefix, log] of [
    ["/ledger", accessLog],
    ["/identity", identityLog],
  ] as const) {
    application.get(`${prefix}/checkpoint`, (_request, reply) => {
      const { published } = log.tiles;
      if (published === undefined) throw new ServerError("NOT_PUBLISHED");
      return reply.type("text/plain; charset=utf-8").header("cache-control", "no-cache").send(published.note);
    });
    application.get<{ Params: { "*": string } }>(
      `${prefix}/*`,
      { schema: { params: strict({ "*": Type.String({ maxLength: 256 }) }) } },
      async ({ params }, reply) => {
        const name = params["*"];
        const path = join(log.tiles.publicDirectory, name);
        const found = TILE.test(name) && (await stat(path).catch(() => undefined))?.isFile() === true;
        if (!found) throw new ServerError("NOT_FOUND");
        return reply
          .type("application/octet-stream")
          .header("cache-control", CACHE_FOREVER)
          .send(createReadStream(path));
      },
    );
  }
}
