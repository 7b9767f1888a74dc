import type { FastifyInstance } from "fastify";
import { fromBase64Url, limits, type BlobAnswer, type BlobRequest } from "@portcullis/protocol";
import { Type } from "typebox";
import { ServerError } from "../errors.ts";
import type { ServerContext } from "../server-context.ts";
import { callerOf } from "./caller.ts";
import { Id, Index, strict } from "./schemas.ts";

interface BlobPath {
  readonly blob: string;
}
const PathSchema = strict({ blob: Id });
const Answer = strict({ bytes: Index, received: Index });

/** Sealed attachments, in parts; spec/attachments.md. */
export function blobRoutes(application: FastifyInstance, context: ServerContext): void {
  const { blobs } = context;
  const idIn = ({ blob }: BlobPath): Uint8Array => fromBase64Url(blob);

  application.route<{ Params: BlobPath; Body: BlobRequest; Reply: BlobAnswer }>({
    method: "PUT",
    url: "/v1/blobs/:blob",
    schema: {
      params: PathSchema,
      body: strict({ bytes: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }) }),
      response: { 200: Answer },
    },
    handler: async (request) => {
      const { accountId } = await callerOf(request, context, "device");
      const { bytes, received } = await blobs.announce(idIn(request.params), accountId, request.body.bytes);
      return { bytes, received };
    },
  });

  application.route<{ Params: BlobPath & { readonly offset: number }; Reply: BlobAnswer }>({
    method: "PUT",
    url: "/v1/blobs/:blob/parts/:offset",
    bodyLimit: limits.blobPartBytes,
    schema: { params: strict({ blob: Id, offset: Index }), response: { 200: Answer } },
    handler: async (request) => {
      const { accountId } = await callerOf(request, context, "device");
      const { params, body } = request;
      if (!(body instanceof Uint8Array) || body.length === 0) throw new ServerError("REQUEST_INVALID");
      const { bytes, received } = await blobs.append(idIn(params), accountId, params.offset, body);
      return { bytes, received };
    },
  });

  application.route<{ Params: BlobPath; Reply: BlobAnswer }>({
    method: "GET",
    url: "/v1/blobs/:blob/status",
    schema: { params: PathSchema, response: { 200: Answer } },
    handler: async (request) => {
      const { accountId } = await callerOf(request, context, "device");
      const { bytes, received } = await blobs.status(idIn(request.params), accountId);
      return { bytes, received };
    },
  });

  application.route<{ Params: BlobPath }>({
    method: "GET",
    url: "/v1/blobs/:blob",
    schema: { params: PathSchema },
    handler: async (request, reply) => {
      await callerOf(request, context, "device");
      const found = await blobs.open(idIn(request.params), (bytes) => rangeIn(request.headers.range, bytes));
      const { stream, start, end, bytes } = found;
      return reply
        .code(end - start === bytes ? 200 : 206)
        .header("content-type", "application/octet-stream")
        .header("content-length", end - start)
        .header("content-range", `bytes ${start}-${end - 1}/${bytes}`)
        .send(stream);
    },
  });

  application.route<{ Params: BlobPath }>({
    method: "DELETE",
    url: "/v1/blobs/:blob",
    schema: { params: PathSchema, response: { 200: strict({}) } },
    handler: async (request) => {
      const { accountId } = await callerOf(request, context, "device");
      await blobs.remove(idIn(request.params), accountId);
      return {};
    },
  });
}

/** One range from a first byte on, as a download that goes on asks for; anything else is all of it. RFC 9110 section 14. */
function rangeIn(header: string | undefined, bytes: number): { start: number; end: number } {
  const [, first = "0", last] = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(header ?? "") ?? [];
  const start = Number(first);
  const end = last === undefined ? bytes : Math.min(bytes, Number(last) + 1);
  return start < end ? { start, end } : { start: 0, end: bytes };
}
