import { isRepositoryName } from "@sluice/oci";
import { z } from "zod";
import { longestPage } from "../paging.js";

export const repositoryName: z.ZodString = z.string().refine(isRepositoryName, "expected the name of a repository");

/** A tag or a digest; which, and whether it is one, is seen when it is looked up. */
export const reference: z.ZodString = z.string().min(1).max(200);

/** `?n=`: how many. */
export const n: z.ZodDefault<z.ZodCoercedNumber> = z.coerce.number().int().min(1).max(longestPage).default(longestPage);

/** `?last=`: what the page before ended with. */
export const last: z.ZodOptional<z.ZodString> = z.string().max(255).optional();
