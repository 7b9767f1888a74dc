import type { FastifyInstance } from "fastify";
import {
  asDeviceId,
  fromBase64Url,
  limits,
  toBase64Url,
  type ClaimAnswer,
  type ClaimRequest,
  type KeyPackagesRequest,
} from "@portcullis/protocol";
import { Type } from "typebox";
import { ServerError } from "../errors.ts";
import { RateLimit } from "../rate-limit.ts";
import type { ServerContext } from "../server-context.ts";
import { currentList } from "./account-routes.ts";
import { callerOf } from "./caller.ts";
import { accountsIn, accountsUpTo, Bytes, DeviceIdText, Id, strict } from "./schemas.ts";

/** So that nobody uses up what others left for everybody: a group of 500 takes 8 claims. */
const CLAIMS = { perSecond: 1, burst: 64 };

/** What devices leave for others to add them by. */
export function keyPackageRoutes(application: FastifyInstance, context: ServerContext): void {
  const { store, realClock } = context;
  const claims = new RateLimit(CLAIMS);

  application.route<{ Body: KeyPackagesRequest }>({
    method: "POST",
    url: "/v1/key-packages",
    schema: {
      body: strict({
        keyPackages: Type.Array(Bytes, { minItems: 1, maxItems: limits.keyPackagesPerUpload }),
        lastResort: Type.Optional(Bytes),
      }),
      response: { 201: strict({}) },
    },
    handler: async (request, reply) => {
      const { accountId, deviceId } = await callerOf(request, context, "device");
      const { lastResort } = request.body;
      await store.keyPackages.add(accountId, deviceId, {
        keyPackages: request.body.keyPackages.map((keyPackage) => fromBase64Url(keyPackage)),
        ...(lastResort !== undefined && { lastResort: fromBase64Url(lastResort) }),
      });
      return reply.code(201).send({});
    },
  });

  const ClaimedDevice = strict({ accountId: Id, deviceId: Bytes, keyPackage: Bytes });
  application.route<{ Body: ClaimRequest; Reply: ClaimAnswer }>({
    method: "POST",
    url: "/v1/key-packages/claim",
    schema: {
      body: strict({
        ...accountsUpTo(limits.accountsPerClaim).properties,
        devices: Type.Optional(Type.Array(DeviceIdText, { minItems: 1, maxItems: limits.devicesPerAccount })),
      }),
      response: { 200: strict({ devices: Type.Array(ClaimedDevice) }) },
    },
    handler: async (request) => {
      const caller = await callerOf(request, context, "device");
      if (!claims.take(toBase64Url(caller.accountId), realClock.now())) throw new ServerError("RATE_LIMITED");
      const accounts = accountsIn(request.body);
      // First, since what is claimed is gone.
      for (const account of accounts) await currentList(context, account);
      const chosen = request.body.devices?.map((deviceId) => asDeviceId(fromBase64Url(deviceId)));
      const claimed = await store.keyPackages.claim(accounts, chosen);
      if (claimed === undefined) throw new ServerError("KEY_PACKAGES_NONE");
      const devices = claimed.map(({ accountId, deviceId, keyPackage }) => ({
        accountId: toBase64Url(accountId),
        deviceId: toBase64Url(deviceId),
        keyPackage: toBase64Url(keyPackage),
      }));
      return { devices };
    },
  });
}
