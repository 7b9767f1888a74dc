// The threshold KEM and the VRF once more, over noble and node:crypto, from their specifications and not from src: it shares no
// arithmetic, no hash and no structure with the product's code. For tests; its numbers do not hide.
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { encodeCbor, type CborValue } from "@portcullis/protocol";

const { Point } = ristretto255;
const { Fn } = Point;
type Element = InstanceType<typeof Point>;

export interface NobleQuorum {
  keysetId: Uint8Array;
  groupKey: Uint8Array;
}

const wide = (bytes: Uint8Array) =>
  bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n) % Fn.ORDER;
const sha512 = (value: CborValue) => new Uint8Array(createHash("sha512").update(encodeCbor(value)).digest());
const h2s = (...values: CborValue[]) => wide(sha512(values));
const keyed = (key: Uint8Array, ...values: CborValue[]) =>
  wide(new Uint8Array(createHmac("sha512", key).update(encodeCbor(values)).digest()));
const point = (bytes: Uint8Array): Element => Point.fromBytes(bytes);
const generator = (keysetId: Uint8Array) =>
  ristretto255_hasher.deriveToCurve!(sha512(["portcullis/kem/v1/generator", keysetId]));
const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

export function encapsulate(seed: Uint8Array, label: Uint8Array, quorums: readonly NobleQuorum[]) {
  const sealed = quorums.map(({ keysetId, groupKey }, j) => {
    const statement = [label, j, keysetId, groupKey];
    const r = keyed(seed, "portcullis/kem/v1/r", ...statement);
    const s = keyed(seed, "portcullis/kem/v1/s", ...statement);
    const gBar = generator(keysetId);
    const [u, uBar, w, wBar] = [
      Point.BASE.multiply(r),
      gBar.multiply(r),
      Point.BASE.multiply(s),
      gBar.multiply(s),
    ].map((element) => element.toBytes()) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const e = h2s("portcullis/kem/v1/capsule", ...statement, u, uBar, w, wBar);
    const f = Fn.add(s, Fn.mul(r, e));
    return {
      u,
      r,
      s,
      capsule: join(u, uBar, Fn.toBytes(e), Fn.toBytes(f)),
      rY: point(groupKey).multiply(r).toBytes(),
    };
  });
  const bound = sealed.map(({ u }, j) => [quorums[j]!.keysetId, quorums[j]!.groupKey, u]);
  return {
    capsules: sealed.map(({ capsule }) => capsule),
    nonces: sealed.map(({ r, s }) => ({ r, s })),
    key: bucketKey(
      label,
      bound,
      sealed.map(({ rY }) => rY),
    ),
  };
}

export function bucketKey(label: Uint8Array, bound: CborValue[], rYs: readonly Uint8Array[]): Uint8Array {
  const info = encodeCbor(["portcullis/kem/v1", label, bound]);
  return new Uint8Array(hkdfSync("sha256", join(...rYs), new Uint8Array(0), info, 32));
}

export function capsuleHolds(
  label: Uint8Array,
  j: number,
  quorum: NobleQuorum,
  capsule: Uint8Array,
): boolean {
  const [u, uBar, eBytes, fBytes] = [0, 32, 64, 96].map((at) => capsule.slice(at, at + 32)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const [e, f] = [Fn.fromBytes(eBytes), Fn.fromBytes(fBytes)];
  const w = Point.BASE.multiply(f).subtract(point(u).multiply(e));
  const wBar = generator(quorum.keysetId).multiply(f).subtract(point(uBar).multiply(e));
  const statement = [label, j, quorum.keysetId, quorum.groupKey, u, uBar];
  return h2s("portcullis/kem/v1/capsule", ...statement, w.toBytes(), wBar.toBytes()) === e;
}

export function share(
  input: { label: Uint8Array; j: number; quorum: NobleQuorum; capsule: Uint8Array; binding: Uint8Array },
  index: number,
  secret: Uint8Array,
  fresh: Uint8Array,
): Uint8Array {
  const { label, j, quorum, capsule, binding } = input;
  const u = capsule.slice(0, 32);
  const x = Fn.fromBytes(secret);
  const part = point(u).multiply(x).toBytes();
  const own = Point.BASE.multiply(x).toBytes();
  const statement = [label, j, quorum.keysetId, quorum.groupKey, u, index, own, part, binding];
  const k = keyed(secret, "portcullis/kem/v1/k", ...statement, fresh);
  const [a, b] = [point(u).multiply(k).toBytes(), Point.BASE.multiply(k).toBytes()];
  const e = h2s("portcullis/kem/v1/share", ...statement, a, b);
  return join(
    Uint8Array.of(index >> 8, index & 255),
    part,
    Fn.toBytes(e),
    Fn.toBytes(Fn.add(k, Fn.mul(x, e))),
  );
}

export function combine(shares: readonly Uint8Array[]): Uint8Array {
  const parts = shares.map((bytes) => ({
    index: BigInt((bytes[0]! << 8) | bytes[1]!),
    part: point(bytes.slice(2, 34)),
  }));
  let sum = Point.ZERO;
  for (const { index, part } of parts) {
    let weight = 1n;
    for (const { index: other } of parts)
      if (other !== index) weight = Fn.mul(weight, Fn.div(other, Fn.sub(other, index)));
    sum = sum.add(part.multiply(weight));
  }
  return sum.toBytes();
}

const sha512Of = (...parts: Uint8Array[]) =>
  new Uint8Array(
    createHash("sha512")
      .update(join(...parts))
      .digest(),
  );
const vrfHash = (domain: number, ...parts: Uint8Array[]) =>
  sha512Of(Buffer.from("\xffc2sp.org/vrf-r255", "latin1"), Uint8Array.of(domain), ...parts);

/** https://c2sp.org/vrf-r255, with all that its test vector lists. */
export function vrf(secret: Uint8Array, alpha: Uint8Array) {
  const x = Fn.fromBytes(secret);
  const publicKey = Point.BASE.multiply(x).toBytes();
  const h = ristretto255_hasher.deriveToCurve!(vrfHash(0x82, publicKey, alpha));
  const gamma = h.multiply(x).toBytes();
  const k = wide(vrfHash(0x81, secret, h.toBytes()));
  const [u, v] = [Point.BASE.multiply(k).toBytes(), h.multiply(k).toBytes()];
  const c = vrfHash(0x02, publicKey, h.toBytes(), gamma, u, v, Uint8Array.of(0)).slice(0, 16);
  const s = Fn.toBytes(Fn.add(k, Fn.mul(wide(c), x)));
  const output = vrfHash(0x03, gamma, Uint8Array.of(0));
  return { publicKey, h: h.toBytes(), k: Fn.toBytes(k), u, v, proof: join(gamma, c, s), output };
}
