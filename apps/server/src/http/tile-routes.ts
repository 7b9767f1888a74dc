import type { FastifyInstance } from "fastify";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ServerError } from "../errors.ts";
import type { ServerContext } from "../server-context.ts";

/** C2SP tlog-tiles: nothing but these names is ever looked up on disk. */
const TILE = /^tile\/(?:entries|[0-9]{1,2})(?:\/x[0-9]{3})*\/[0-9]{3}(?:\.p\/[0-9]{1,3})?$/;
const CACHE_FOREVER = "public, max-age=31536000, immutable";

/** Both logs as static files, for any C2SP client. */
export function tileRoutes(application: FastifyInstance, { accessLog, identityLog }: ServerContext): void {
  for (const [prefix, log] of [
    ["/ledger", accessLog],
    ["/identity", identityLog],
  ] as const) {
    application.route({
      method: "GET",
      url: `${prefix}/checkpoint`,
      handler: (_request, reply) => {
        const { published } = log.tiles;
        if (published === undefined) throw new ServerError("NOT_PUBLISHED");
        return reply
          .type("text/plain; charset=utf-8")
          .header("cache-control", "no-cache")
          .send(published.note);
      },
    });
    application.route<{ Params: { "*": string } }>({
      method: "GET",
      url: `${prefix}/*`,
      schema: { hide: true },
      handler: async ({ params }, reply) => {
        const name = params["*"];
        const tile = TILE.test(name) && (await readIfThere(join(log.tiles.publicDirectory, name)));
        if (!tile) throw new ServerError("NOT_FOUND");
        return reply.type("application/octet-stream").header("cache-control", CACHE_FOREVER).send(tile);
      },
    });
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  return await readFile(path).catch(() => undefined);
}
