import {
  CONVERSATION_EXTENSION,
  decodeCbor,
  encodeCbor,
  encodeLeafIdentity,
  FieldReader,
  JOINING_EXTENSION,
  ProtocolError,
} from "@portcullis/protocol";
import {
  decodeMlsMessage,
  encodeMlsMessage,
  generateKeyPackageWithKey,
  type Capabilities,
  type CiphersuiteImpl,
  type KeyPackage,
} from "ts-mls";
import { makeKeyPackageRef, verifyKeyPackage as verifyKeyPackageSignature } from "ts-mls/keyPackage.js";
import { verifyLeafNodeSignatureKeyPackage } from "ts-mls/leafNode.js";
import type { LeafIdentity, MlsDevice } from "./engine.ts";
import { decodeWhole } from "./epoch.ts";
import { MlsError } from "./errors.ts";
import { decodeCredential } from "./members.ts";
import { CIPHER_SUITE, HASH_BYTES } from "./provider.ts";
import { LIFETIME_BACK_SECONDS, LIFETIME_SECONDS, tsMls } from "./ts-mls.ts";

const SECRETS = "portcullis/key-package/v1";

/** Marks a KeyPackage that may be used more than once. draft-ietf-mls-extensions, "Last Resort KeyPackages". */
const LAST_RESORT_EXTENSION = 0x000a;

const CAPABILITIES: Capabilities = {
  versions: ["mls10"],
  ciphersuites: [CIPHER_SUITE],
  extensions: [LAST_RESORT_EXTENSION, CONVERSATION_EXTENSION, JOINING_EXTENSION],
  proposals: [],
  credentials: ["basic"],
};

/** Private keys that a KeyPackage needs to join with; the signature key is the device's own. */
export interface KeyPackageSecrets {
  readonly initPrivateKey: Uint8Array;
  readonly leafPrivateKey: Uint8Array;
}

/** A KeyPackage valid from an hour ago for 90 days (MLS-13). `lastResort`: it says that it may be used again (MLS-07). */
export async function generateKeyPackage(
  cipherSuite: CiphersuiteImpl,
  device: MlsDevice,
  nowMs: number,
  lastResort = false,
): Promise<{ keyPackage: KeyPackage; secrets: KeyPackageSecrets }> {
  const now = Math.floor(nowMs / 1000);
  const { publicPackage, privatePackage } = await generateKeyPackageWithKey(
    { credentialType: "basic", identity: encodeLeafIdentity(device) },
    CAPABILITIES,
    { notBefore: BigInt(now - LIFETIME_BACK_SECONDS), notAfter: BigInt(now + LIFETIME_SECONDS) },
    lastResort ? [{ extensionType: LAST_RESORT_EXTENSION, extensionData: new Uint8Array(0) }] : [],
    { signKey: device.signingKey.seed, publicKey: device.signingKey.publicKey },
    cipherSuite,
  );
  const { initPrivateKey, hpkePrivateKey: leafPrivateKey } = privatePackage;
  return { keyPackage: publicPackage, secrets: { initPrivateKey, leafPrivateKey } };
}

export function encodeKeyPackage(keyPackage: KeyPackage): Uint8Array {
  return encodeMlsMessage({ version: "mls10", wireformat: "mls_key_package", keyPackage });
}

/** Signatures, credential and place in a tree are ts-mls' to check. @throws MlsError MLS_MALFORMED, MLS_CIPHER_SUITE */
export function decodeKeyPackage(bytes: Uint8Array): KeyPackage {
  const message = decodeWhole(decodeMlsMessage, encodeMlsMessage, bytes);
  if (message.wireformat !== "mls_key_package")
    throw new MlsError("MLS_MALFORMED", { wireFormat: message.wireformat });
  const { cipherSuite } = message.keyPackage;
  if (cipherSuite !== CIPHER_SUITE) throw new MlsError("MLS_CIPHER_SUITE", { cipherSuite });
  return message.keyPackage;
}

/** RFC 9420 section 5.2. */
export function keyPackageReference(
  cipherSuite: CiphersuiteImpl,
  keyPackage: KeyPackage,
): Promise<Uint8Array> {
  return makeKeyPackageRef(keyPackage, cipherSuite.hash);
}

/** Valid now, and not for longer than one of ours is. RFC 9420 sections 7.2, 7.3. @throws MlsError MLS_LIFETIME */
export function checkLifetime(keyPackage: KeyPackage, nowMs: number): void {
  const { notBefore, notAfter } = keyPackage.leafNode.lifetime;
  const now = BigInt(Math.floor(nowMs / 1000));
  const longest = BigInt(LIFETIME_SECONDS + LIFETIME_BACK_SECONDS);
  if (now < notBefore || now > notAfter || notAfter - notBefore > longest)
    throw new MlsError("MLS_LIFETIME", { notBefore: Number(notBefore), notAfter: Number(notAfter) });
}

/**
 * Whose KeyPackage it is, once both of its signatures and its lifetime hold. RFC 9420 section 10.1.
 * @throws MlsError MLS_MALFORMED, MLS_CIPHER_SUITE, MLS_SIGNATURE, MLS_LIFETIME, MLS_CREDENTIAL
 */
export async function verifyKeyPackage(
  { signature }: CiphersuiteImpl,
  bytes: Uint8Array,
  nowMs: number,
): Promise<LeafIdentity> {
  const keyPackage = decodeKeyPackage(bytes);
  const { leafNode } = keyPackage;
  const isSigned = await tsMls(
    "MLS_SIGNATURE",
    async () =>
      (await verifyKeyPackageSignature(keyPackage, signature)) &&
      (await verifyLeafNodeSignatureKeyPackage(leafNode, signature)),
  );
  if (!isSigned) throw new MlsError("MLS_SIGNATURE");
  checkLifetime(keyPackage, nowMs);
  return decodeCredential(leafNode.credential, leafNode.signaturePublicKey);
}

export function encodeKeyPackageSecrets(secrets: KeyPackageSecrets): Uint8Array {
  return encodeCbor([SECRETS, secrets.initPrivateKey, secrets.leafPrivateKey]);
}

/** @throws MlsError MLS_SNAPSHOT */
export function decodeKeyPackageSecrets(bytes: Uint8Array): KeyPackageSecrets {
  try {
    const reader = new FieldReader(decodeCbor(bytes, "KeyPackage secrets"), "KeyPackage secrets", 3);
    reader.constant(SECRETS);
    return { initPrivateKey: reader.bytes(HASH_BYTES), leafPrivateKey: reader.bytes(HASH_BYTES) };
  } catch (error) {
    if (error instanceof ProtocolError) throw new MlsError("MLS_SNAPSHOT", { reason: error.code });
    throw error;
  }
}
