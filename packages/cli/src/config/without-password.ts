/** What is shown of a setting may end in a log or a bug report: the password of a URL stays out. */
export const withoutPassword = (text: string): string => text.replace(/(:\/\/[^:@/\s]*):[^@/\s]*@/g, "$1:***@");
