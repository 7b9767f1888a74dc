import { constantTimeEqual, hmacSha256, sha256 } from "@portcullis/crypto";
import {
  asAccountId,
  asConversationId,
  asDeviceId,
  asMessageId,
  concatBytes,
  encodeFrankContext,
  frankingSalt,
  fromBase64Url,
  limits,
  reportReasons,
  reportStates,
  toBase64Url,
  type AccountId,
  type FrankContext,
  type ReportAnswer,
  type ReportedMessage,
  type ReportReason,
  type ReportRequest,
  type ReportResolution,
  type ReportsAnswer,
  type ReportState,
} from "@portcullis/protocol";
import type { StoredReport } from "@portcullis/store";
import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { ServerError } from "../errors.ts";
import type { ServerContext } from "../server-context.ts";
import { callerOf } from "./caller.ts";
import { bytesUpTo, DeviceIdText, Id, Index, strict } from "./schemas.ts";

const Comment = Type.String({ maxLength: limits.reportCommentBytes });
const State = Type.Union(reportStates.map((state) => Type.Literal(state)));
const Reason = Type.Union(reportReasons.map((reason) => Type.Literal(reason)));
const Message = strict({
  conversationId: Id,
  senderAccountId: Id,
  senderDeviceId: DeviceIdText,
  messageId: DeviceIdText,
  acceptedAtMs: Index,
  applicationData: bytesUpTo(limits.messageBytes),
  serverFrank: Id,
});
const Report = { message: Message, reason: Reason, comment: Comment };

/**
 * Reports of single messages. Whoever reports shows the message; that it is one, and whose, the server knows by its own
 * frank (FRK-03). It learns nothing of any other message.
 */
export function reportRoutes(application: FastifyInstance, context: ServerContext): void {
  const { store, clock, keys } = context;

  application.route<{ Body: ReportRequest; Reply: ReportAnswer }>({
    method: "POST",
    url: "/v1/reports",
    schema: { body: strict(Report), response: { 201: strict({ reportId: Id }) } },
    handler: async (request, reply) => {
      const { accountId: reportedBy } = await callerOf(request, context, "device");
      const { message, reason, comment } = request.body;
      const reported = bytesOf(message);
      if (!(await store.conversations.wasMember(reported.conversationId, reportedBy)))
        throw new ServerError("NOT_MEMBER");
      checkFrank(reported, keys.franks.mac);
      const reportId = reportIdOf(reported.serverFrank, reportedBy);
      const report = { ...reported, reportId, reportedBy, reportedAtMs: clock.now(), reason, comment };
      if ((await store.reports.add(report, limits.reportsPerDay)) === "too-many")
        throw new ServerError("REPORT_LIMIT");
      return reply.code(201).send({ reportId: toBase64Url(reportId) });
    },
  });

  application.route<{ Querystring: { state?: ReportState; after?: number }; Reply: ReportsAnswer }>({
    method: "GET",
    url: "/v1/reports",
    schema: {
      querystring: strict({ state: Type.Optional(State), after: Type.Optional(Index) }),
      response: { 200: strict({ reports: Type.Array(Type.Any()) }) },
    },
    handler: async (request) => {
      await callerOf(request, context, "operator");
      const { state = "open", after = 0 } = request.query;
      return { reports: (await store.reports.list(state, after)).map((report) => answerOf(report)) };
    },
  });

  application.route<{ Params: { report: string }; Body: ReportResolution }>({
    method: "POST",
    url: "/v1/reports/:report/resolution",
    schema: {
      params: strict({ report: Id }),
      body: strict({ state: State, note: Comment }),
      response: { 200: strict({}) },
    },
    handler: async (request) => {
      await callerOf(request, context, "operator");
      const { state, note } = request.body;
      if (!(await store.reports.resolve(fromBase64Url(request.params.report), state, note)))
        throw new ServerError("REPORT_UNKNOWN");
      return {};
    },
  });
}

type Reported = Omit<FrankContext, "frankingTag"> & Pick<StoredReport, "applicationData" | "serverFrank">;

function bytesOf(message: ReportedMessage): Reported {
  return {
    conversationId: asConversationId(fromBase64Url(message.conversationId)),
    senderAccountId: asAccountId(fromBase64Url(message.senderAccountId)),
    senderDeviceId: asDeviceId(fromBase64Url(message.senderDeviceId)),
    messageId: asMessageId(fromBase64Url(message.messageId)),
    acceptedAtMs: message.acceptedAtMs,
    applicationData: fromBase64Url(message.applicationData),
    serverFrank: fromBase64Url(message.serverFrank),
  };
}

/** Returns when this server has franked this content for this sender, there and then. @throws ServerError REPORT_FORGED */
function checkFrank({ applicationData, serverFrank, ...context }: Reported, mac: Uint8Array): void {
  const frankingTag = hmacSha256(saltIn(applicationData), applicationData);
  const expected = hmacSha256(mac, encodeFrankContext({ ...context, frankingTag }));
  if (!constantTimeEqual(expected, serverFrank)) throw new ServerError("REPORT_FORGED");
}

function saltIn(applicationData: Uint8Array): Uint8Array {
  try {
    return frankingSalt(applicationData);
  } catch {
    throw new ServerError("REPORT_FORGED");
  }
}

/** One for each message and reporter. */
function reportIdOf(serverFrank: Uint8Array, reportedBy: AccountId): Uint8Array {
  return sha256(concatBytes(serverFrank, reportedBy));
}

function answerOf(report: StoredReport): ReportsAnswer["reports"][number] {
  return {
    reportId: toBase64Url(report.reportId),
    position: report.position,
    reportedBy: toBase64Url(report.reportedBy),
    reportedAtMs: report.reportedAtMs,
    reason: report.reason as ReportReason,
    comment: report.comment,
    state: report.state as ReportState,
    note: report.note,
    message: {
      conversationId: toBase64Url(report.conversationId),
      senderAccountId: toBase64Url(report.senderAccountId),
      senderDeviceId: toBase64Url(report.senderDeviceId),
      messageId: toBase64Url(report.messageId),
      acceptedAtMs: report.acceptedAtMs,
      applicationData: toBase64Url(report.applicationData),
      serverFrank: toBase64Url(report.serverFrank),
    },
  };
}
