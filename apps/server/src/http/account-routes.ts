import type { FastifyInstance } from "fastify";
import {
  commitToList,
  encodeDeviceProof,
  encodeIdentityOpening,
  verifyDeviceList,
  verifySuccession,
  type VerifiedDeviceList,
} from "@portcullis/ledger/identity";
import { constantTimeEqual, sha256 } from "@portcullis/crypto";
import {
  asAccountId,
  fromBase64Url,
  limits,
  prepareHandle,
  toBase64Url,
  utf8,
  type AccountAnswer,
  type AccountId,
  type AccountRequest,
  type DevicesAnswer,
  type DevicesRequest,
  type LookupAnswer,
  type LookupRequest,
  type OwnDevicesAnswer,
} from "@portcullis/protocol";
import type { AccountOutcome, NewDeviceList, StoredDeviceList } from "@portcullis/store";
import { Type } from "typebox";
import { ServerError, type ServerErrorCode } from "../errors.ts";
import { published } from "../ledger/submission.ts";
import type { ServerContext } from "../server-context.ts";
import { callerOf } from "./caller.ts";
import { accountsIn, accountsUpTo, Bytes, Id, strict } from "./schemas.ts";

const Account = strict({ accountId: Id });
const AccountPathSchema = strict({ accountId: Id });
interface AccountPath {
  accountId: string;
}

/** As typed; `prepareHandle` judges it. */
const Handle = Type.String({ maxLength: 4 * limits.handleLength });

const InviteSecret = Type.String({ pattern: "^[A-Za-z0-9_-]{22}$" });
const refusals: Readonly<Record<Exclude<AccountOutcome, "created">, ServerErrorCode>> = {
  "handle-taken": "HANDLE_TAKEN",
  "handle-confusable": "HANDLE_CONFUSABLE",
  "account-exists": "ACCOUNT_EXISTS",
  "invite-unknown": "INVITE_UNKNOWN",
  "invite-expired": "INVITE_EXPIRED",
  "invite-used-up": "INVITE_USED_UP",
};

/** Accounts and their device lists. */
export function accountRoutes(application: FastifyInstance, context: ServerContext): void {
  const { store, keys, identityLog, realClock } = context;

  application.route<{ Body: AccountRequest; Reply: AccountAnswer }>({
    method: "POST",
    url: "/v1/accounts",
    schema: {
      body: strict({
        registrationToken: Type.Optional(Type.String({ maxLength: 256 })),
        invite: Type.Optional(InviteSecret),
        handle: Handle,
        deviceList: Bytes,
      }),
      response: { 201: Account },
    },
    handler: async (request, reply) => {
      const { registrationToken, invite, handle, deviceList } = request.body;
      if (invite === undefined) requireToken(registrationToken ?? "", keys.registrationToken);
      else if (registrationToken !== undefined) throw new ServerError("REGISTRATION_REFUSED");
      const verified = verifyDeviceList(fromBase64Url(deviceList));
      if (verified.version !== 1) throw new ServerError("DEVICE_LIST_NOT_NEXT");
      const list = newDeviceList(verified, fromBase64Url(deviceList), context);
      const createdAtMs = realClock.now();
      const account = { handle: prepareHandle(handle), createdAtMs };
      const used =
        invite === undefined ? undefined : { inviteHash: sha256(fromBase64Url(invite)), nowMs: createdAtMs };
      const outcome = await store.accounts.create(account, list, used);
      if (outcome !== "created") throw new ServerError(refusals[outcome]);
      identityLog.queued({ entry: list.entry, kind: "device-list", opening: list.opening });
      return reply.code(201).send({ accountId: toBase64Url(verified.accountId) });
    },
  });

  application.route<{ Params: { handle: string }; Reply: AccountAnswer }>({
    method: "GET",
    url: "/v1/accounts/by-handle/:handle",
    schema: { params: strict({ handle: Handle }), response: { 200: Account } },
    handler: async ({ params }) => {
      const account = await store.accounts.byHandle(prepareHandle(params.handle));
      if (account === undefined) throw new ServerError("ACCOUNT_UNKNOWN");
      return { accountId: toBase64Url(account.accountId) };
    },
  });

  application.route<{ Params: AccountPath; Reply: DevicesAnswer }>({
    method: "GET",
    url: "/v1/accounts/:accountId/devices",
    schema: { params: AccountPathSchema, response: { 200: strict({ deviceProof: Bytes }) } },
    handler: async ({ params }) => {
      const accountId = asAccountId(fromBase64Url(params.accountId));
      const list = await currentList(context, accountId);
      return { deviceProof: toBase64Url(await deviceProof(context, list)) };
    },
  });

  application.route<{ Body: LookupRequest; Reply: LookupAnswer }>({
    method: "POST",
    url: "/v1/lookups",
    schema: {
      body: accountsUpTo(limits.accountsPerLookup),
      response: { 200: strict({ lookup: Bytes }) },
    },
    handler: async ({ body }) => ({ lookup: toBase64Url(await context.lookups.of(accountsIn(body))) }),
  });

  application.route<{ Params: AccountPath; Body: DevicesRequest; Reply: AccountAnswer }>({
    method: "PUT",
    url: "/v1/accounts/:accountId/devices",
    schema: { params: AccountPathSchema, body: strict({ deviceList: Bytes }), response: { 200: Account } },
    handler: async ({ params, body }) => {
      const next = verifyDeviceList(fromBase64Url(body.deviceList));
      if (toBase64Url(next.accountId) !== params.accountId) throw new ServerError("ACCOUNT_UNKNOWN");
      const stands = await store.accounts.currentList(next.accountId);
      if (stands === undefined) throw new ServerError("ACCOUNT_UNKNOWN");
      verifySuccession(verifyDeviceList(stands.signedList), next);
      const list = newDeviceList(next, fromBase64Url(body.deviceList), context);
      if ((await store.accounts.replaceDevices(list)) !== "replaced")
        throw new ServerError("DEVICE_LIST_NOT_NEXT");
      identityLog.queued({ entry: list.entry, kind: "device-list", opening: list.opening });
      return { accountId: params.accountId };
    },
  });

  const OwnDevice = strict({ deviceId: Bytes, lastSeenDay: Type.Optional(Type.Integer()) });
  application.route<{ Reply: OwnDevicesAnswer }>({
    method: "GET",
    url: "/v1/devices",
    schema: { response: { 200: strict({ devices: Type.Array(OwnDevice) }) } },
    handler: async (request) => {
      const { accountId } = await callerOf(request, context, "device");
      const devices = await store.accounts.devices(accountId);
      return {
        devices: devices.map(({ deviceId, lastSeenDay }) =>
          lastSeenDay === null
            ? { deviceId: toBase64Url(deviceId) }
            : { deviceId: toBase64Url(deviceId), lastSeenDay },
        ),
      };
    },
  });
}

function requireToken(given: string, expected: string): void {
  if (!constantTimeEqual(sha256(utf8(given)), sha256(utf8(expected))))
    throw new ServerError("REGISTRATION_REFUSED");
}

function newDeviceList(
  { accountId, version, devices }: VerifiedDeviceList,
  signedList: Uint8Array,
  { lookups, random }: ServerContext,
): NewDeviceList {
  const salt = random(32);
  const { label } = lookups.label(accountId);
  const commitment = commitToList(salt, signedList);
  const opening = encodeIdentityOpening({ kind: "device-list", label, version, commitment });
  return { accountId, version, signedList, salt, entry: sha256(opening), opening, devices };
}

/** @throws ServerError ACCOUNT_UNKNOWN */
export async function currentList({ store }: ServerContext, accountId: AccountId): Promise<StoredDeviceList> {
  const list = await store.accounts.currentList(accountId);
  if (list === undefined) throw new ServerError("ACCOUNT_UNKNOWN");
  return list;
}

/** A device list with its place in the identity log, once it stands there. @throws ServerError NOT_PUBLISHED */
export async function deviceProof(context: ServerContext, list: StoredDeviceList): Promise<Uint8Array> {
  const { accountId, signedList, salt, entry } = list;
  const { label } = context.lookups.label(accountId);
  const { proof } = await published(context, context.identityLog, entry);
  return encodeDeviceProof({ signedList, salt, label, proof });
}
