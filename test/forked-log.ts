import { readFileSync } from "node:fs";
import { join } from "node:path";
import { merklePath, merkleRoot, signingKeyFromSeed, vrfKeyFromSeed } from "@portcullis/crypto";
import { cosignNoteText, makeNoteSigner, signCheckpoint } from "@portcullis/ledger";
import {
  answerLookup,
  decodeIdentityOpening,
  decodeLookup,
  emptyIndex,
  encodeLookup,
  extendIndex,
  identityEntry,
  proveLabel,
  rootOfIndex,
  verifyDeviceList,
  type IdentityIndex,
  type IdentityOpening,
  type LookupAnswer,
} from "@portcullis/ledger/identity";
import { formatCheckpoint, formatTlogProof } from "@portcullis/ledger/verify";
import { fromBase64Url, toBase64Url, type OpeningsAnswer, type Random } from "@portcullis/protocol";
import { referenceConsistency } from "../packages/ledger/test/reference-tree.ts";
import type { ProviderRoom } from "./provider-room.ts";

/** The published entries of the identity log. */
export async function identityOpenings(room: ProviderRoom): Promise<IdentityOpening[]> {
  const response = await fetch(`${room.server.url}/v1/identity/openings?from=0`);
  const { openings } = (await response.json()) as OpeningsAnswer;
  return openings.map((opening) => decodeIdentityOpening(fromBase64Url(opening)));
}

/**
 * Another identity log than everybody's, with all keys that it takes: the operator's and those of the witnesses, who are
 * in league with him. It begins like the real one, and goes on with lists of nobody.
 */
export class ForkedLog {
  readonly #openings: IdentityOpening[];
  readonly #index: IdentityIndex;
  readonly #secret: (path: string) => Uint8Array;
  readonly #room: ProviderRoom;

  /** `ghosts`: so many batches of one list and one root each. */
  constructor(
    room: ProviderRoom,
    directory: string,
    made: { readonly from: readonly IdentityOpening[]; readonly ghosts: number; readonly random: Random },
  ) {
    this.#room = room;
    this.#secret = (path) => new Uint8Array(readFileSync(join(directory, path)));
    this.#openings = [...made.from];
    let index = emptyIndex;
    for (const opening of made.from) index = extendIndex(index, opening);
    const push = (opening: IdentityOpening): void => {
      index = extendIndex(index, opening);
      this.#openings.push(opening);
    };
    for (let ghost = 0; ghost < made.ghosts; ghost++) {
      const [label, commitment] = [made.random(32), made.random(32)];
      push({ kind: "device-list", label, version: 1, commitment });
      push(rootOfIndex(index));
    }
    this.#index = index;
  }

  get size(): number {
    return this.#openings.length;
  }

  /** What a client behind this log gets instead of the server's answers. */
  async answer(url: URL, response: Response): Promise<Response> {
    if (url.pathname === "/v1/lookups") {
      const { lookup } = (await response.json()) as { lookup: string };
      return Response.json({ lookup: toBase64Url(this.#lookup(fromBase64Url(lookup))) });
    }
    if (url.pathname !== "/v1/identity/consistency") return response;
    const [older, newer] = ["old", "new"].map((name) => Number(url.searchParams.get(name))) as [
      number,
      number,
    ];
    const path = referenceConsistency(older, this.#entries().slice(0, newer));
    return Response.json({ path: path.map((hash) => toBase64Url(hash)) });
  }

  #entries(): Uint8Array[] {
    return this.#openings.map((opening) => identityEntry(opening));
  }

  /** The same accounts as the honest lookup's. */
  #lookup(honest: Uint8Array): Uint8Array {
    const vrf = vrfKeyFromSeed(this.#secret("server/keys/identity-vrf"));
    const answers = decodeLookup(honest).answers.map(({ end }): LookupAnswer => {
      if (end.kind !== "list") throw new Error("an account without a list");
      return answerLookup(this.#index, proveLabel(vrf, verifyDeviceList(end.signedList).accountId), end);
    });
    const index = this.size - 1;
    const entries = this.#entries();
    const proof = formatTlogProof({
      index,
      path: merklePath(entries, index),
      checkpoint: this.#note(entries),
    });
    const { root } = this.#openings.at(-1) as IdentityOpening & { kind: "index-root" };
    return encodeLookup({ proof, root, answers });
  }

  #note(entries: readonly Uint8Array[]): string {
    const { identityLog } = this.#room.server;
    const signer = (name: string, algorithm: "ed25519" | "cosignature/v1", path: string) =>
      makeNoteSigner({ name, algorithm, signingKey: signingKeyFromSeed(this.#secret(path)) });
    const log = signer(identityLog.slice(0, identityLog.indexOf("+")), "ed25519", "server/keys/identity-log");
    const checkpoint = { origin: log.key.name, size: entries.length, root: merkleRoot([...entries]) };
    const cosignatures = ["witness.one", "witness.two"].map((name) =>
      cosignNoteText(
        signer(name, "cosignature/v1", `${name}/key`),
        formatCheckpoint(checkpoint),
        this.#room.clock.now(),
      ),
    );
    return signCheckpoint(log, checkpoint) + cosignatures.join("");
  }
}
