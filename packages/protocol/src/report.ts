/** Why somebody reports a message. */
export const reportReasons = ["illegal", "threat", "hate", "abuse", "spam", "other"] as const;

/** What the operator has made of it. */
export const reportStates = ["open", "acted", "dismissed"] as const;
