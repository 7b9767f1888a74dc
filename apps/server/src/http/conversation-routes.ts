import type { FastifyInstance } from "fastify";
import {
  asConversationId,
  asPolicyId,
  bucketStartAt,
  equalBytes,
  fromBase64Url,
  type ConversationRequest,
} from "@portcullis/protocol";
import { Type } from "typebox";
import { ServerError } from "../errors.ts";
import type { ServerContext } from "../server-context.ts";
import { callerOf } from "./caller.ts";
import { Id, strict } from "./schemas.ts";

/** Beginning a conversation; everything after that goes over the stream. */
export function conversationRoutes(application: FastifyInstance, context: ServerContext): void {
  const { store, commits, dispatcher, policy, clock } = context;
  application.route<{ Body: ConversationRequest }>({
    method: "POST",
    url: "/v1/conversations",
    schema: {
      body: strict({
        conversationId: Id,
        class: Type.Union([Type.Literal("sealed"), Type.Literal("recorded")]),
        policyId: Type.Optional(Id),
      }),
      response: { 201: strict({}) },
    },
    handler: async (request, reply) => {
      const { accountId, deviceId } = await callerOf(request, context, "device");
      const { body } = request;
      const conversationId = asConversationId(fromBase64Url(body.conversationId));
      const policyId = body.policyId === undefined ? null : asPolicyId(fromBase64Url(body.policyId));
      const ours = policy.current?.id;
      const fits =
        body.class === "sealed"
          ? policyId === null
          : policyId !== null && ours !== undefined && equalBytes(policyId, ours);
      if (!fits) throw new ServerError("CONVERSATION_POLICY");
      const nowMs = clock.now();
      const conversation = {
        conversationId,
        class: body.class,
        policyId,
        epoch: 0,
        startBucket: bucketStartAt(nowMs, policy.bucketSeconds),
        epochStartedAtMs: nowMs,
      };
      const creator = { accountId, deviceId };
      await commits.between(async () => {
        if (!(await store.conversations.create(conversation, creator)))
          throw new ServerError("CONVERSATION_EXISTS");
        dispatcher.created(conversationId, creator);
      });
      return reply.code(201).send({});
    },
  });
}
