import { readFileSync } from "node:fs";
import type { CiphersuiteImpl, ClientConfig } from "ts-mls";
import type { GroupContext } from "ts-mls/groupContext.js";
import { fromHex } from "@portcullis/protocol";
import { nodeProvider } from "@portcullis/mls/node";
import { webCryptoProvider, type CryptoProvider } from "@portcullis/mls";
import { decodeWhole } from "../src/epoch.ts";
import { CIPHER_SUITE } from "../src/provider.ts";
import { createClientConfig } from "../src/ts-mls.ts";
import { random } from "./people.ts";

/** The vectors of one kind: see vectors/mls. Each has its suite, and hexadecimal for bytes. */
export function vectors<T>(kind: string): T[] {
  const file = new URL(`../../../vectors/mls/${kind}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8")) as T[];
}

/** Both libraries that the engine runs on. */
export const providers = [
  { name: "node:crypto", isFast: true, ...setUp(nodeProvider) },
  { name: "WebCrypto", isFast: false, ...setUp(webCryptoProvider) },
] as const;
export type Provider = (typeof providers)[number];

function setUp(provider: CryptoProvider) {
  return { primitives: provider.primitives, cipherSuite: provider.cipherSuite(random) };
}

/** As the engine configures ts-mls, but that anybody at all is a member: the vectors know none of our credentials. */
export const openConfig: ClientConfig = {
  ...createClientConfig(() => Promise.resolve()),
  lifetimeConfig: { maximumTotalLifetime: 2n ** 64n, validateLifetimeOnReceive: false },
  authService: { validateCredential: () => Promise.resolve(true) },
};

type Codec<T> = [
  decode: (bytes: Uint8Array, offset: number) => [T, number] | undefined,
  encode: (value: T) => Uint8Array,
];

/** What the hexadecimal encodes, which encodes to it again. */
export function decodeHex<T>([decode, encode]: Codec<T>, hex: string): T {
  return decodeWhole(decode, encode, fromHex(hex));
}

export function groupContext(fields: Partial<GroupContext>): GroupContext {
  const empty = new Uint8Array();
  return {
    version: "mls10",
    cipherSuite: CIPHER_SUITE,
    groupId: empty,
    epoch: 0n,
    treeHash: empty,
    confirmedTranscriptHash: empty,
    extensions: [],
    ...fields,
  };
}

/** The public key that belongs to a private HPKE key: what is sealed to it, the private key opens. */
export async function fits(
  { hpke }: CiphersuiteImpl,
  privateKey: Uint8Array,
  publicKey: Uint8Array,
): Promise<boolean> {
  const info = new Uint8Array();
  const { enc, ct } = await hpke.seal(await hpke.importPublicKey(publicKey), random(16), info);
  return hpke.open(await hpke.importPrivateKey(privateKey), enc, ct, info).then(
    () => true,
    () => false,
  );
}
