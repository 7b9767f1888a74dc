import { decodeCbor, encodeCbor, FieldReader } from "@portcullis/protocol";
import type { VerifiedCheckpoint, WitnessPolicy } from "../verify/checkpoint.ts";
import { verifyTlogProof } from "../verify/tlog-proof.ts";
import { verifyDeviceList, type VerifiedDeviceList } from "./device-list.ts";
import { commitToList, identityEntry } from "./identity-opening.ts";

/** A device list and the proof that everybody can find it in the identity log. */
export interface DeviceProof {
  readonly signedList: Uint8Array;
  /** 32 bytes: opens the entry's commitment. */
  readonly salt: Uint8Array;
  /** 32 bytes: the account's name in the log. */
  readonly label: Uint8Array;
  /** C2SP tlog-proof. */
  readonly proof: string;
}

declare const proven: unique symbol;

/** A list that stands in the identity log. Only {@link verifyDeviceProof} makes one. */
export interface ProvenDeviceList extends VerifiedDeviceList {
  readonly index: number;
  readonly checkpoint: VerifiedCheckpoint;
  readonly [proven]: true;
}

const DEVICE_PROOF = "portcullis/device-proof/v2";
const LONGEST_PROOF_TEXT = 64 * 1024;

export function encodeDeviceProof(proof: DeviceProof): Uint8Array {
  return encodeCbor([DEVICE_PROOF, proof.signedList, proof.salt, proof.label, proof.proof]);
}

/** @throws ProtocolError */
export function decodeDeviceProof(bytes: Uint8Array): DeviceProof {
  const fields = new FieldReader(decodeCbor(bytes, "device proof"), "device proof", 5);
  fields.constant(DEVICE_PROOF);
  return {
    signedList: fields.bytes(),
    salt: fields.bytes(32),
    label: fields.bytes(32),
    proof: fields.text(LONGEST_PROOF_TEXT),
  };
}

/**
 * The list, once its signature and its place in the log of `policy` hold: what evidence needs of the past. That there is
 * no newer one is not shown; see verifyLookup.
 * @throws what verifyDeviceList and verifyTlogProof throw
 */
export function verifyDeviceProof(proof: DeviceProof, policy: WitnessPolicy): ProvenDeviceList {
  const list = verifyDeviceList(proof.signedList);
  const commitment = commitToList(proof.salt, proof.signedList);
  const { label } = proof;
  const entry = identityEntry({ kind: "device-list", label, version: list.version, commitment });
  const { index, checkpoint } = verifyTlogProof({ proof: proof.proof, entry, policy });
  return { ...list, index, checkpoint } as ProvenDeviceList;
}
