import { decodeOpening, entryOf, sealOpening, type OpeningKind } from "@portcullis/access/verify";
import { equalBytes, type LedgerEntryAnswer } from "@portcullis/protocol";
import { ServerError } from "../errors.ts";
import type { ServerContext } from "../server-context.ts";
import type { OriginLog } from "./origin-log.ts";

/** Logs a body under a fresh salt; the same body again is the entry that stands. */
export async function logOpening(
  context: ServerContext,
  kind: OpeningKind,
  body: Uint8Array,
): Promise<LedgerEntryAnswer> {
  for (const { entry, opening } of await context.store.openings.ofKind("access", kind))
    if (opening && equalBytes(decodeOpening(opening).body, body))
      return await published(context, context.accessLog, entry);
  const { opening, entry } = sealOpening(kind, body, context.random);
  await context.accessLog.submit({ entry, kind, opening });
  return await published(context, context.accessLog, entry);
}

/** Logs an opening that somebody else sealed. */
export async function logSealedOpening(
  context: ServerContext,
  kind: OpeningKind,
  opening: Uint8Array,
): Promise<LedgerEntryAnswer> {
  const entry = entryOf(opening);
  await context.accessLog.submit({ entry, kind, opening });
  return await published(context, context.accessLog, entry);
}

/** Where the entry stands, once it does. @throws ServerError NOT_PUBLISHED */
export async function published(
  { longestWaitMs }: ServerContext,
  log: OriginLog,
  entry: Uint8Array,
): Promise<LedgerEntryAnswer> {
  const opening = await log.publication(entry, longestWaitMs);
  if (opening === undefined) throw new ServerError("NOT_PUBLISHED");
  return { index: opening.logIndex, proof: await log.tiles.readTlogProof(opening.logIndex) };
}
