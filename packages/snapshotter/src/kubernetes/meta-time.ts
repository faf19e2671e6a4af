/** metav1.Time has whole seconds. */
export const timeOf = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");
