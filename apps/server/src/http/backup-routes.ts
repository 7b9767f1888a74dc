import type { FastifyInstance } from "fastify";
import {
  fromBase64Url,
  limits,
  toBase64Url,
  type BackupAnswer,
  type BackupSegmentAnswer,
  type BackupSegmentRequest,
} from "@portcullis/protocol";
import { Type } from "typebox";
import { ServerError } from "../errors.ts";
import type { ServerContext } from "../server-context.ts";
import { callerOf } from "./caller.ts";
import { bytesUpTo, DeviceIdText, Index, strict } from "./schemas.ts";

interface GenerationPath {
  generation: string;
}
/** 16 random bytes, of the device that makes it. */
const Generation = Type.String({ pattern: "^[A-Za-z0-9_-]{22}$" });
interface SegmentPath extends GenerationPath {
  index: number;
}
const SegmentPathSchema = strict({ generation: Generation, index: Index });

/** Sealed backups of history and settings, for the account's own devices; spec/backup.md. */
export function backupRoutes(application: FastifyInstance, context: ServerContext): void {
  const { store, backupLimits } = context;

  application.route<{ Reply: BackupAnswer }>({
    method: "GET",
    url: "/v1/backup",
    schema: {
      response: {
        200: strict({
          generation: Type.Optional(Generation),
          deviceId: Type.Optional(DeviceIdText),
          head: Type.Optional(bytesUpTo(limits.backupHeadBytes)),
        }),
      },
    },
    handler: async (request) => {
      const { accountId } = await callerOf(request, context, "device");
      const backup = await store.backups.standing(accountId);
      if (backup === undefined) return {};
      const { generation, deviceId, head } = backup;
      return {
        generation: toBase64Url(generation),
        deviceId: toBase64Url(deviceId),
        head: toBase64Url(head),
      };
    },
  });

  application.route<{ Params: SegmentPath; Reply: BackupSegmentAnswer }>({
    method: "GET",
    url: "/v1/backup/:generation/segments/:index",
    schema: {
      params: SegmentPathSchema,
      response: { 200: strict({ segment: bytesUpTo(limits.backupSegmentBytes) }) },
    },
    handler: async (request) => {
      const { accountId } = await callerOf(request, context, "device");
      const { generation, index } = request.params;
      const segment = await store.backups.segment(accountId, fromBase64Url(generation), index);
      if (segment === undefined) throw new ServerError("BACKUP_UNKNOWN");
      return { segment: toBase64Url(segment) };
    },
  });

  application.route<{ Params: SegmentPath; Body: BackupSegmentRequest }>({
    method: "PUT",
    url: "/v1/backup/:generation/segments/:index",
    schema: {
      params: SegmentPathSchema,
      body: strict({
        segment: bytesUpTo(limits.backupSegmentBytes),
        head: bytesUpTo(limits.backupHeadBytes),
      }),
      response: { 200: strict({}) },
    },
    handler: async (request) => {
      const device = await callerOf(request, context, "device");
      const { generation, index } = request.params;
      const [segment, head] = [fromBase64Url(request.body.segment), fromBase64Url(request.body.head)];
      const part = { generation: fromBase64Url(generation), index, segment, head };
      const outcome = await store.backups.append(device, part, backupLimits);
      if (outcome === "unknown") throw new ServerError("BACKUP_UNKNOWN");
      if (outcome === "not-next") throw new ServerError("BACKUP_NOT_NEXT");
      if (outcome === "full") throw new ServerError("BACKUP_FULL");
      return {};
    },
  });

  application.route<{ Params: GenerationPath }>({
    method: "PUT",
    url: "/v1/backup/:generation",
    schema: { params: strict({ generation: Generation }), response: { 200: strict({}) } },
    handler: async (request) => {
      const { accountId } = await callerOf(request, context, "device");
      const outcome = await store.backups.stand(accountId, fromBase64Url(request.params.generation));
      if (outcome === "unknown") throw new ServerError("BACKUP_UNKNOWN");
      return {};
    },
  });

  application.route({
    method: "DELETE",
    url: "/v1/backup",
    schema: { response: { 200: strict({}) } },
    handler: async (request) => {
      const { accountId } = await callerOf(request, context, "device");
      await store.backups.remove(accountId);
      return {};
    },
  });
}
