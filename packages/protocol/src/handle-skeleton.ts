/**
 * A compact form of the skeleton of UTS #39 section 4 for what passes for Latin. Each line: a Latin stand-in, then
 * the letters and digits that are drawn like it. Case counts, since a capital may be drawn like another alphabet's
 * letter when its small form is not; Latin letters themselves are compared without it.
 */
const LOOK_ALIKES = [
  ["a", "аАαΑ"],
  ["b", "вВΒβьЬ"],
  ["c", "сС"],
  ["d", "ԁԀ"],
  ["e", "еЕΕε"],
  ["g", "ԍԌ"],
  ["h", "нНһҺΗ"],
  ["j", "јЈϳ"],
  ["k", "кКκΚ"],
  ["l", "iI1|ıіІιΙӏӀ"],
  ["m", "мМΜ"],
  ["n", "Νηпո"],
  ["o", "0оОοΟσօ"],
  ["p", "рРρΡ"],
  ["q", "ԛԚ"],
  ["r", "г"],
  ["s", "ѕЅ"],
  ["t", "тТτΤ"],
  ["u", "υս"],
  ["v", "νѵѴ"],
  ["w", "ԝԜωѡ"],
  ["x", "хХχΧ"],
  ["y", "уУүҮΥγ"],
  ["z", "Ζζ"],
  ["3", "зЗӡ"],
  ["6", "б"],
  ["'", "’"],
] as const;

const STAND_IN = new Map<string, string>(
  LOOK_ALIKES.flatMap(([latin, others]) => Array.from(others, (other) => [other, latin] as const)),
);

export function skeletonOf(text: string): string {
  const drawn = standIns(text.normalize("NFD")).toLowerCase();
  return standIns(drawn).replaceAll("rn", "m").replaceAll("vv", "w");
}

function standIns(text: string): string {
  return Array.from(text, (letter) => STAND_IN.get(letter) ?? letter).join("");
}
