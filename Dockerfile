# The first stage has the Go tools, and is thrown away. Somebody can move a tag to
# another image at any time. A digest names the same image for ever, so Docker looks
# at the digest, and the tag before it is for people. The price: updates do not come
# by themselves. This command prints the digest of the newest image:
#   docker buildx imagetools inspect golang:1.26-alpine
FROM golang:1.26.9-alpine3.24@sha256:cdfd4fe2da6b225d8b40c6b7a105736e548e83ff56d5d8f9394446eeb5eb84e0 AS build
WORKDIR /src
# The modules first: this layer is built again only when they change.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# Without cgo, the program needs no C library: one file is all of it.
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /chat .

FROM alpine:3.22.6@sha256:5291449c3df73caf6ed85e649dec1b9e818b39a5d8c871e97afc13e9cd5e8fa8
RUN apk add --no-cache su-exec && adduser -D -H chat
COPY --from=build /chat /usr/local/bin/chat
COPY --chmod=755 docker-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
# Platforms that choose the port themselves set PORT over this one.
ENV PORT=8080
EXPOSE 8080
# For docker ps; the platforms have checks of their own. -Y off: not through a proxy.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s \
    CMD wget -q -Y off -O /dev/null "http://127.0.0.1:$PORT/healthz"
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["chat", "-db", "/data/chat.db", "-log", "json"]
