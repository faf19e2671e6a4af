import { dirname } from "node:path/posix";
import type { Prediction } from "../prediction.js";
import { addIcuCollations } from "./icu-data.js";

/** What `initdb` reads from the share directory, and the server when it starts. */
const sharedFiles = [
  "postgres.bki",
  "postgresql.conf.sample",
  "pg_hba.conf.sample",
  "pg_ident.conf.sample",
  "system_constraints.sql",
  "system_functions.sql",
  "system_views.sql",
  "snowball_create.sql",
  "information_schema.sql",
  "sql_features.txt",
  "timezonesets/Default",
  "extension/plpgsql.control",
  "extension/plpgsql--1.0.sql",
];
/** What `locale -a` reads, with which `initdb` asks what locales there are, and the one of them that every C library has. */
const localeFiles = ["/etc/locale.alias", "/usr/lib/locale/C.utf8/LC_CTYPE"];
const modules = ["dict_snowball.so", "plpgsql.so"];

/** Predicts the files beside PostgreSQL's programs that making and starting a database reads. */
export async function addPostgresFiles(inode: number, prediction: Prediction): Promise<void> {
  const { files, set, elf } = prediction;
  const prefix = dirname(dirname(files.path(inode)));
  const shared = [`${prefix}/share/postgresql`, `${prefix}/share`, prefix.replace("/lib/", "/share/")];
  for (const directory of shared) {
    for (const name of sharedFiles) set.addFile(files.findFile(`${directory}/${name}`));
  }
  const isInitdb = files.path(inode).endsWith("/initdb");
  for (const name of modules) {
    for (const directory of [`${prefix}/lib/postgresql`, `${prefix}/lib`]) {
      await elf.load(files.findFile(`${directory}/${name}`), "module");
    }
  }
  const server = isInitdb ? files.findFile(`${prefix}/bin/postgres`) : -1;
  if (server === -1) return;
  await elf.load(server, "program");
  await addIcuCollations(prediction); // of those, too, it takes all into the catalog
  await elf.load(files.findFile("/usr/bin/locale"), "program");
  for (const path of localeFiles) set.addFile(files.findFile(path));
}
