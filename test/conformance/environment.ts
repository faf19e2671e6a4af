import type { Workflow } from "./conformance-case.js";
import type { TargetOptions } from "./target.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** The registry that the variables of the official suite name. @throws when they name none */
export function targetOfEnvironment(env: Environment): TargetOptions {
  const { OCI_ROOT_URL, OCI_NAMESPACE, OCI_CROSSMOUNT_NAMESPACE, OCI_USERNAME, OCI_PASSWORD } = env;
  if (OCI_ROOT_URL === undefined || OCI_NAMESPACE === undefined) {
    throw new Error("set OCI_ROOT_URL, such as http://127.0.0.1:5000, and OCI_NAMESPACE, such as conformance/one");
  }
  return {
    rootUrl: OCI_ROOT_URL,
    namespace: OCI_NAMESPACE,
    crossmountNamespace: OCI_CROSSMOUNT_NAMESPACE ?? `${OCI_NAMESPACE}-crossmount`,
    credentials:
      OCI_USERNAME !== undefined && OCI_USERNAME !== ""
        ? { username: OCI_USERNAME, password: OCI_PASSWORD ?? "" }
        : undefined,
  };
}

const variables: Readonly<Record<string, Workflow>> = {
  OCI_TEST_PULL: "pull",
  OCI_TEST_PUSH: "push",
  OCI_TEST_CONTENT_DISCOVERY: "content-discovery",
  OCI_TEST_CONTENT_MANAGEMENT: "content-management",
};

/** The workflows whose variables are 1; all of them where none is. */
export function workflowsOfEnvironment(env: Environment): ReadonlySet<Workflow> {
  const asked = Object.entries(variables).filter(([variable]) => env[variable] === "1");
  return new Set((asked.length > 0 ? asked : Object.entries(variables)).map(([, workflow]) => workflow));
}
