import {
  asConversationId,
  encodeCbor,
  decodeCbor,
  equalBytes,
  FieldReader,
  type CborValue,
} from "@portcullis/protocol";
import type { ClientConfig, ClientState } from "ts-mls";
import { decodeGroupContext, encodeGroupContext, type GroupContext } from "ts-mls/groupContext.js";
import type { KeySchedule } from "ts-mls/keySchedule.js";
import { decodeRatchetTree, type RatchetTree } from "ts-mls/ratchetTree.js";
import { directPath, leafToNodeIndex, leafWidth, toLeafIndex } from "ts-mls/treemath.js";
import type { RatchetRow } from "./engine.ts";
import { MlsError } from "./errors.ts";
import { leafAt } from "./members.ts";
import { HASH_BYTES } from "./provider.ts";
import { encodeRatchetTree } from "./ratchet-tree.ts";
import { encodeRatchetRow, type LeafRatchets } from "./secret-tree.ts";

const SNAPSHOT = "portcullis/epoch/v1";
const PENDING = "portcullis/pending/v1";
const BLANK = new Uint8Array();

/**
 * What is kept of an epoch beside the ratchets: no exporter, external, confirmation, membership, resumption or
 * encryption secret, no epoch authenticator, nothing of an older epoch (MLS-30).
 */
export interface Epoch {
  readonly groupContext: GroupContext;
  readonly tree: RatchetTree;
  readonly ownLeaf: number;
  /** By node index: own leaf, and the ancestors whose key this device knows. */
  readonly privateKeys: Readonly<Record<number, Uint8Array>>;
  readonly confirmationTag: Uint8Array;
  readonly senderDataSecret: Uint8Array;
  readonly initSecret: Uint8Array;
}

export interface FreshEpoch {
  readonly epoch: Epoch;
  readonly ratchets: ReadonlyMap<number, LeafRatchets>;
  readonly exporterSecret: Uint8Array;
}

/** What ts-mls derived, reduced to what is kept. */
export function readFreshEpoch(
  state: Pick<
    ClientState,
    "groupContext" | "ratchetTree" | "privatePath" | "confirmationTag" | "keySchedule"
  >,
  leafRatchets: (leafIndex: number) => LeafRatchets | undefined,
): FreshEpoch {
  const { groupContext, ratchetTree: tree, privatePath, confirmationTag, keySchedule } = state;
  const ratchets = new Map<number, LeafRatchets>();
  for (let leafIndex = 0; 2 * leafIndex < tree.length; leafIndex++) {
    const leaf = leafAt(tree, leafIndex) && leafRatchets(leafIndex);
    if (leaf !== undefined) ratchets.set(leafIndex, leaf);
  }
  const epoch = {
    groupContext,
    tree,
    ownLeaf: privatePath.leafIndex,
    privateKeys: livingKeys(tree, privatePath.leafIndex, privatePath.privateKeys),
    confirmationTag,
    senderDataSecret: keySchedule.senderDataSecret,
    initSecret: keySchedule.initSecret,
  };
  return { epoch, ratchets, exporterSecret: keySchedule.exporterSecret };
}

/** ts-mls keeps private keys of nodes that were blanked since; they open old Commits and nothing new. */
function livingKeys(
  tree: RatchetTree,
  ownLeaf: number,
  privateKeys: Readonly<Record<number, Uint8Array>>,
): Record<number, Uint8Array> {
  const own = leafToNodeIndex(toLeafIndex(ownLeaf));
  const living: Record<number, Uint8Array> = {};
  for (const node of [own, ...directPath(own, leafWidth(tree.length))]) {
    const key = privateKeys[node];
    if (key !== undefined && tree[node] !== undefined) living[node] = key;
  }
  return living;
}

/** An epoch as ts-mls knows one, without ratchets: it applies proposals to it, and protects nothing. */
export function toClientState(epoch: Epoch, seed: Uint8Array, clientConfig: ClientConfig): ClientState {
  return {
    groupContext: epoch.groupContext,
    ratchetTree: epoch.tree,
    privatePath: { leafIndex: epoch.ownLeaf, privateKeys: epoch.privateKeys },
    confirmationTag: epoch.confirmationTag,
    keySchedule: keySchedule(epoch),
    secretTree: [],
    signaturePrivateKey: seed,
    unappliedProposals: {},
    historicalReceiverData: new Map(),
    groupActiveState: { kind: "active" },
    clientConfig,
  };
}

function keySchedule({ senderDataSecret, initSecret }: Epoch): KeySchedule {
  return {
    senderDataSecret,
    initSecret,
    exporterSecret: BLANK,
    externalSecret: BLANK,
    confirmationKey: BLANK,
    membershipKey: BLANK,
    resumptionPsk: BLANK,
    epochAuthenticator: BLANK,
  };
}

export function encodeRows(ratchets: ReadonlyMap<number, LeafRatchets>): RatchetRow[] {
  return [...ratchets].map(([leafIndex, leaf]) => ({ leafIndex, row: encodeRatchetRow(leaf) }));
}

export function encodeSnapshot(epoch: Epoch): Uint8Array {
  return encodeCbor([
    SNAPSHOT,
    encodeGroupContext(epoch.groupContext),
    encodeRatchetTree(epoch.tree),
    epoch.ownLeaf,
    Object.entries(epoch.privateKeys).map(([node, key]) => [Number(node), key]),
    epoch.confirmationTag,
    epoch.senderDataSecret,
    epoch.initSecret,
  ]);
}

/** @throws MlsError MLS_SNAPSHOT */
export function decodeSnapshot(snapshot: Uint8Array): Epoch {
  return strictly(() => {
    const reader = new FieldReader(decodeCbor(snapshot, "epoch"), "epoch", 8);
    reader.constant(SNAPSHOT);
    const groupContext = decodeWhole(decodeGroupContext, encodeGroupContext, reader.bytes());
    asConversationId(groupContext.groupId);
    const tree = decodeWhole(decodeRatchetTree, encodeRatchetTree, reader.bytes());
    const ownLeaf = reader.integer(0, tree.length);
    const privateKeys = Object.fromEntries(reader.list(readPrivateKey));
    const epoch = {
      groupContext,
      tree,
      ownLeaf,
      privateKeys,
      confirmationTag: reader.bytes(HASH_BYTES),
      senderDataSecret: reader.bytes(HASH_BYTES),
      initSecret: reader.bytes(HASH_BYTES),
    };
    if (!equalBytes(encodeSnapshot(epoch), snapshot)) throw new MlsError("MLS_SNAPSHOT");
    return epoch;
  });
}

function readPrivateKey(value: CborValue): [number, Uint8Array] {
  const reader = new FieldReader(value, "private key", 2);
  return [reader.integer(), reader.bytes(HASH_BYTES)];
}

/** One's own next epoch while the server has not decided. `parent` is the transcript that it follows. */
export interface Pending {
  readonly parent: Uint8Array;
  readonly snapshot: Uint8Array;
  readonly ratchets: readonly RatchetRow[];
  readonly exporterSecret: Uint8Array;
}

export function encodePending({ parent, snapshot, ratchets, exporterSecret }: Pending): Uint8Array {
  const rows = ratchets.map(({ leafIndex, row }) => [leafIndex, row]);
  return encodeCbor([PENDING, parent, snapshot, rows, exporterSecret]);
}

/** @throws MlsError MLS_SNAPSHOT */
export function decodePending(pending: Uint8Array): Pending {
  return strictly(() => {
    const reader = new FieldReader(decodeCbor(pending, "pending Commit"), "pending Commit", 5);
    reader.constant(PENDING);
    return {
      parent: reader.bytes(),
      snapshot: reader.bytes(),
      ratchets: reader.list((value) => {
        const row = new FieldReader(value, "ratchet", 2);
        return { leafIndex: row.integer(), row: row.bytes() };
      }),
      exporterSecret: reader.bytes(HASH_BYTES),
    };
  });
}

type TsMlsDecoder<T> = (bytes: Uint8Array, offset: number) => [T, number] | undefined;

/** The structure that fills `bytes` in its one encoding: ts-mls takes trailing bytes and lengths that are not minimal. */
export function decodeWhole<T>(
  decode: TsMlsDecoder<T>,
  encode: (value: T) => Uint8Array,
  bytes: Uint8Array,
): T {
  let decoded: [T, number] | undefined;
  try {
    decoded = decode(bytes, 0);
  } catch {
    decoded = undefined;
  }
  if (decoded === undefined || !equalBytes(encode(decoded[0]), bytes)) throw new MlsError("MLS_MALFORMED");
  return decoded[0];
}

function strictly<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new MlsError("MLS_SNAPSHOT", { reason: error instanceof Error ? error.message : "unknown" });
  }
}
