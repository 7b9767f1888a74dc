import type { FastifyInstance, FastifyRequest } from "fastify";
import { sha256 } from "@portcullis/crypto";
import {
  fromBase64Url,
  limits,
  toBase64Url,
  utf8,
  type LinkAnswer,
  type LinkAnswerRequest,
  type LinkChunkAnswer,
  type LinkChunkRequest,
  type LinkOffer,
  type LinkRequest,
} from "@portcullis/protocol";
import { Type } from "typebox";
import { ServerError } from "../errors.ts";
import { RateLimit } from "../rate-limit.ts";
import type { ServerContext } from "../server-context.ts";
import { callerOf } from "./caller.ts";
import { bytesUpTo, Id, Index, strict } from "./schemas.ts";

/** So long a code can be read by another device. */
const OFFER_MS = 10 * 60_000;
/** So long the new device can fetch what was left for it. */
const ANSWERED_MS = 24 * 3600 * 1000;
const OPEN_LINKS = 10_000;
/** Parts of a history that may wait until the new device takes them. */
const CHUNKS_WAITING = 8;
const LINKS_PER_ACCOUNT = 16;

interface LinkPath {
  linkId: string;
}
const LinkPathSchema = strict({ linkId: Id });
interface ChunkPath extends LinkPath {
  index: number;
}
const ChunkPathSchema = strict({ linkId: Id, index: Index });

/** Mailboxes in which a new device meets one that its account has; spec/linking.md. All that lies in them is sealed. */
export function linkRoutes(application: FastifyInstance, context: ServerContext): void {
  const { store, realClock } = context;
  /** Of those who have no account yet. */
  const rate = new RateLimit({ perSecond: 1, burst: 60 });

  application.route<{ Body: LinkRequest }>({
    method: "POST",
    url: "/v1/links",
    schema: {
      body: strict({ linkId: Id, tokenHash: Id, offer: bytesUpTo(limits.linkOfferBytes) }),
      response: { 201: strict({}) },
    },
    handler: async (request, reply) => {
      const { linkId, tokenHash, offer } = request.body;
      const nowMs = realClock.now();
      if (!rate.take(request.ip, nowMs)) throw new ServerError("RATE_LIMITED");
      const link = {
        linkId: fromBase64Url(linkId),
        tokenHash: fromBase64Url(tokenHash),
        offer: fromBase64Url(offer),
        expiresAtMs: nowMs + OFFER_MS,
      };
      const outcome = await store.links.open(link, { nowMs, most: OPEN_LINKS });
      if (outcome === "too-many") throw new ServerError("RATE_LIMITED");
      if (outcome === "taken") throw new ServerError("LINK_TAKEN");
      return reply.code(201).send({});
    },
  });

  application.route<{ Params: LinkPath; Reply: LinkOffer }>({
    method: "POST",
    url: "/v1/links/:linkId/claim",
    schema: {
      params: LinkPathSchema,
      response: { 200: strict({ offer: bytesUpTo(limits.linkOfferBytes) }) },
    },
    handler: async (request) => {
      const device = await callerOf(request, context, "device");
      const nowMs = realClock.now();
      const terms = { nowMs, expiresAtMs: nowMs + ANSWERED_MS, most: LINKS_PER_ACCOUNT };
      const outcome = await store.links.claim(fromBase64Url(request.params.linkId), device, terms);
      if (outcome === "too-many") throw new ServerError("LINK_LIMIT");
      return { offer: toBase64Url(granted(outcome)) };
    },
  });

  application.route<{ Params: LinkPath; Body: LinkAnswerRequest }>({
    method: "PUT",
    url: "/v1/links/:linkId/answer",
    schema: {
      params: LinkPathSchema,
      body: strict({ answer: bytesUpTo(limits.linkAnswerBytes) }),
      response: { 200: strict({}) },
    },
    handler: async (request) => {
      const device = await callerOf(request, context, "device");
      const linkId = fromBase64Url(request.params.linkId);
      const answer = fromBase64Url(request.body.answer);
      granted(await store.links.answer(linkId, device, { answer, nowMs: realClock.now() }));
      return {};
    },
  });

  application.route<{ Params: LinkPath; Reply: LinkAnswer }>({
    method: "GET",
    url: "/v1/links/:linkId/answer",
    schema: {
      params: LinkPathSchema,
      response: { 200: strict({ answer: Type.Optional(bytesUpTo(limits.linkAnswerBytes)) }) },
    },
    handler: async (request) => {
      const { linkId, tokenHash } = ownerOf(request);
      const answer = await store.links.read(linkId, tokenHash, realClock.now());
      if (answer === undefined) throw new ServerError("LINK_UNKNOWN");
      return answer === null ? {} : { answer: toBase64Url(answer) };
    },
  });

  application.route<{ Params: ChunkPath; Body: LinkChunkRequest }>({
    method: "PUT",
    url: "/v1/links/:linkId/chunks/:index",
    schema: {
      params: ChunkPathSchema,
      body: strict({ chunk: bytesUpTo(limits.linkChunkBytes) }),
      response: { 200: strict({}) },
    },
    handler: async (request) => {
      const device = await callerOf(request, context, "device");
      const { linkId, index } = request.params;
      const nowMs = realClock.now();
      const terms = { nowMs, expiresAtMs: nowMs + ANSWERED_MS, most: CHUNKS_WAITING };
      const chunk = { linkId: fromBase64Url(linkId), index, chunk: fromBase64Url(request.body.chunk) };
      const outcome = granted(await store.links.putChunk(chunk, device, terms));
      if (outcome === "full") throw new ServerError("LINK_FULL");
      return {};
    },
  });

  application.route<{ Params: ChunkPath; Reply: LinkChunkAnswer }>({
    method: "GET",
    url: "/v1/links/:linkId/chunks/:index",
    schema: {
      params: ChunkPathSchema,
      response: { 200: strict({ chunk: Type.Optional(bytesUpTo(limits.linkChunkBytes)) }) },
    },
    handler: async (request) => {
      const { index } = request.params;
      const chunk = await store.links.takeChunk({ ...ownerOf(request), index }, realClock.now());
      if (chunk === undefined) throw new ServerError("LINK_UNKNOWN");
      return chunk === null ? {} : { chunk: toBase64Url(chunk) };
    },
  });

  application.route<{ Params: LinkPath }>({
    method: "DELETE",
    url: "/v1/links/:linkId",
    schema: { params: LinkPathSchema, response: { 200: strict({}) } },
    handler: async (request) => {
      const { linkId, tokenHash } = ownerOf(request);
      await store.links.close(linkId, tokenHash);
      return {};
    },
  });
}

/** The new device shows the mailbox's token: it has no session yet. */
function ownerOf(request: FastifyRequest<{ Params: LinkPath }>): {
  linkId: Uint8Array;
  tokenHash: Uint8Array;
} {
  const token = /^Bearer ([A-Za-z0-9_-]{1,64})$/.exec(request.headers.authorization ?? "")?.[1];
  if (token === undefined) throw new ServerError("LINK_UNKNOWN");
  return { linkId: fromBase64Url(request.params.linkId), tokenHash: sha256(utf8(token)) };
}

function granted<T>(outcome: T | "unknown" | "taken"): T {
  if (outcome === "unknown") throw new ServerError("LINK_UNKNOWN");
  if (outcome === "taken") throw new ServerError("LINK_TAKEN");
  return outcome;
}
