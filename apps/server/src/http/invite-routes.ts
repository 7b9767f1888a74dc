import type { FastifyInstance } from "fastify";
import { fromBase64Url, limits, type InviteAnswer, type InviteRequest } from "@portcullis/protocol";
import { Type } from "typebox";
import { ServerError } from "../errors.ts";
import type { ServerContext } from "../server-context.ts";
import { callerOf } from "./caller.ts";
import { Id, strict } from "./schemas.ts";

const OPEN_INVITES_PER_MEMBER = 20;

/** Invitations, made by the operator and, where the server lets them, by members. The secret stays with who made it. */
export function inviteRoutes(application: FastifyInstance, context: ServerContext): void {
  const { store, realClock, membersInvite } = context;
  application.route<{ Body: InviteRequest; Reply: InviteAnswer }>({
    method: "POST",
    url: "/v1/invites",
    schema: {
      body: strict({
        inviteHash: Id,
        uses: Type.Integer({ minimum: 1, maximum: limits.usesPerInvite }),
        lifetimeSeconds: Type.Integer({ minimum: 60, maximum: limits.inviteSeconds }),
      }),
      response: { 201: strict({ expiresAtMs: Type.Integer() }) },
    },
    handler: async (request, reply) => {
      const caller = await callerOf(request, context, "operator", "device");
      if (caller.kind === "device" && !membersInvite) throw new ServerError("SESSION_FORBIDDEN");
      const { inviteHash, uses, lifetimeSeconds } = request.body;
      const nowMs = realClock.now();
      const expiresAtMs = nowMs + lifetimeSeconds * 1000;
      const createdBy = caller.kind === "device" ? caller.accountId : null;
      const invite = { inviteHash: fromBase64Url(inviteHash), usesLeft: uses, expiresAtMs, createdBy };
      if ((await store.invites.add(invite, nowMs, OPEN_INVITES_PER_MEMBER)) === "too-many")
        throw new ServerError("INVITE_LIMIT");
      return reply.code(201).send({ expiresAtMs });
    },
  });
}
