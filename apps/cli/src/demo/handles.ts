import {
  foldHandle,
  handleSkeleton,
  prepareHandle,
  PortcullisError,
  type Handle,
} from "@portcullis/protocol";

/**
 * A handle for each speaker of a transcript. Names come from somebody's address book, so that one may hold what a handle
 * must not, or look like another: that speaker goes by a number.
 */
export function handlesOf(names: readonly string[]): ReadonlyMap<string, Handle> {
  const taken = new Set<string>();
  return new Map(
    names.map((name, index) => {
      const handle = handleOf(name);
      const forms = handle === undefined ? [] : [`= ${foldHandle(handle)}`, `~ ${handleSkeleton(handle)}`];
      if (handle === undefined || forms.some((form) => taken.has(form)))
        return [name, prepareHandle(`speaker no. ${index + 1}`)] as const;
      for (const form of forms) taken.add(form);
      return [name, handle] as const;
    }),
  );
}

function handleOf(name: string): Handle | undefined {
  try {
    return prepareHandle(name);
  } catch (error) {
    if (error instanceof PortcullisError) return undefined;
    throw error;
  }
}
