# The first stage has the Go tools, and is thrown away.
FROM golang:1.26-alpine AS build
WORKDIR /src
# The modules first: this layer is built again only when they change.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# Without cgo, the program needs no C library: one file is all of it.
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /chat .

FROM alpine:3.22
RUN apk add --no-cache su-exec && adduser -D -H chat
COPY --from=build /chat /usr/local/bin/chat
COPY --chmod=755 docker-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
# Platforms that choose the port themselves set PORT over this one.
ENV PORT=8080
EXPOSE 8080
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["chat", "-db", "/data/chat.db", "-log", "json"]
