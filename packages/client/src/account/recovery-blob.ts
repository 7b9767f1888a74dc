import {
  aeadOpen,
  aeadSeal,
  hkdfSha256,
  PASSWORD_KEY_COST,
  passwordKey,
  sha256,
  signingKeyFromSeed,
  wipe,
  type SigningKey,
} from "@portcullis/crypto";
import { accountIdOf } from "@portcullis/ledger/identity";
import {
  decodeCbor,
  encodeCbor,
  equalBytes,
  FieldReader,
  utf8,
  type AccountId,
  type Random,
} from "@portcullis/protocol";
import { readBackupKey } from "../backup/backup-keys.ts";
import { ClientError } from "../errors.ts";

const BLOB = "portcullis/recovery/v1";
const CONTENT = "portcullis/recovery-content/v2";
/** From before there were backups: still read. */
const CONTENT_V1 = "portcullis/recovery-content/v1";
const WHAT = "recovery blob";
const KEY_BYTES = 32;
const NONCE_BYTES = 24;

/** What a recovery code gives back: the account itself, and with the notice key what is addressed to it. */
export interface Recovered {
  readonly accountKey: SigningKey;
  readonly noticeKey: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array };
  /** 32 bytes each: what opens the account's backup, the key of what is new first. */
  readonly backupKeys: readonly Uint8Array[];
}

/** What a code yields for one account: one key that opens, and one that only asks. Neither tells the other. */
export interface RecoveryKeys {
  /** 32 bytes, secret. */
  readonly sealing: Uint8Array;
  /** 32 bytes: shown to the server, which knows its hash. */
  readonly authenticator: Uint8Array;
}

/** Slow on purpose. `secret`: of the recovery code. */
export function recoveryKeys(secret: Uint8Array, accountId: AccountId): RecoveryKeys {
  const salt = sha256(encodeCbor(["portcullis/recovery-salt/v1", accountId])).slice(0, 16);
  const ikm = passwordKey(secret, salt);
  const expand = (use: string): Uint8Array =>
    hkdfSha256({ ikm, info: utf8(`portcullis recovery ${use}`), length: KEY_BYTES });
  const keys = { sealing: expand("seal"), authenticator: expand("authenticator") };
  wipe(ikm);
  return keys;
}

/** `version`: one higher than that of the blob before. */
export function sealRecovery(
  { accountKey, noticeKey, backupKeys }: Recovered,
  { sealing, version, random }: { sealing: Uint8Array; version: number; random: Random },
): Uint8Array {
  const accountId = accountIdOf(accountKey.publicKey);
  const { publicKey, privateKey } = noticeKey;
  const content = encodeCbor([CONTENT, accountKey.seed, publicKey, privateKey, [...backupKeys]]);
  const nonce = random(NONCE_BYTES);
  const sealed = aeadSeal(sealing, nonce, content, associatedData(accountId, version));
  wipe(content);
  const { passes, memoryKiB } = PASSWORD_KEY_COST;
  return encodeCbor([BLOB, version, passes, memoryKiB, nonce, sealed]);
}

/**
 * What was sealed for this account under this key, whatever the server says that it is; and which in the row it is.
 * @throws ClientError CLIENT_RECOVERY_BLOB
 */
export function openRecovery(
  blob: Uint8Array,
  accountId: AccountId,
  sealing: Uint8Array,
): Recovered & { readonly version: number } {
  try {
    const reader = new FieldReader(decodeCbor(blob, WHAT), WHAT, 6);
    reader.constant(BLOB);
    const version = reader.integer(1);
    reader.constant(PASSWORD_KEY_COST.passes);
    reader.constant(PASSWORD_KEY_COST.memoryKiB);
    const nonce = reader.bytes(NONCE_BYTES);
    const content = aeadOpen(sealing, nonce, reader.bytes(), associatedData(accountId, version));
    const recovered = readContent(content);
    if (equalBytes(accountIdOf(recovered.accountKey.publicKey), accountId)) return { ...recovered, version };
  } catch {
    throw new ClientError("CLIENT_RECOVERY_BLOB");
  }
  throw new ClientError("CLIENT_RECOVERY_BLOB");
}

/** For whom, which in the row of blobs, and at what cost the key was made. */
function associatedData(accountId: AccountId, version: number): Uint8Array {
  return encodeCbor([BLOB, accountId, version, PASSWORD_KEY_COST.passes, PASSWORD_KEY_COST.memoryKiB]);
}

function readContent(bytes: Uint8Array): Recovered {
  const value = decodeCbor(bytes, WHAT);
  const isFirst = Array.isArray(value) && value[0] === CONTENT_V1;
  const reader = new FieldReader(value, WHAT, isFirst ? 4 : 5);
  reader.constant(isFirst ? CONTENT_V1 : CONTENT);
  return {
    accountKey: signingKeyFromSeed(reader.bytes(32)),
    noticeKey: { publicKey: reader.bytes(32), privateKey: reader.bytes(32) },
    backupKeys: isFirst ? [] : reader.list((key) => readBackupKey(key)),
  };
}
