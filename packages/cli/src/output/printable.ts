/** A text from outside, fit for one line of a terminal: what would move the cursor, set a title or turn the writing direction is a space. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
