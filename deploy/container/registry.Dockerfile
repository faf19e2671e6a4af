# The registry (`serve`) and its workers. Needs nothing but a Debian, so that it builds without a network where one is kept. From the root of a built checkout:
#   npx pnpm@10.34.9 --filter sluice deploy --prod --legacy /tmp/sluice && mkdir /tmp/sluice/node && cp "$(command -v node)" /tmp/sluice/node/
#   podman build -f deploy/container/registry.Dockerfile -t sluice-registry:0.1.0 [--build-arg BASE=localhost/debian] /tmp/sluice
# It has the machine's node, which needs a glibc as new as the base's. Run it with a volume at /var/lib/sluice and the configuration at /etc/sluice/config.yaml.
ARG BASE=docker.io/library/debian:bookworm-slim
FROM ${BASE}
COPY . /opt/sluice
RUN mkdir -p /var/lib/sluice /etc/sluice && chown 10001:10001 /var/lib/sluice
USER 10001:10001
VOLUME /var/lib/sluice
EXPOSE 5000
ENTRYPOINT ["/opt/sluice/node/node", "/opt/sluice/bin/sluice.js", "--root", "/var/lib/sluice"]
# A worker: `podman run … sluice-registry worker`.
CMD ["serve", "--listen", "0.0.0.0:5000"]
