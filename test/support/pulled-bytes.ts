/** Bytes of blobs that a running registry has sent, by its own metrics. */
export async function sentBlobBytes(host: string): Promise<number> {
  const text = await (await fetch(`http://${host}/metrics`)).text();
  const line = /^sluice_http_body_bytes_total\{direction="sent",route="blob"\} (\d+)$/m.exec(text);
  return Number(line?.[1] ?? 0);
}
