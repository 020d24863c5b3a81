# Writes to /data and nowhere else, so the rest of the file system may be read-only:
#   docker run --read-only -v postern:/data -p 8080:8080 --env-file secrets.env postern
# Another configuration than the one to start from: mount it, and name it in POSTERN_CONFIG.

# Built, although the sources would run: each thread that strips types holds the compiler for it, some 18 MB.
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json postern.config.ts ./
COPY scripts/build.ts scripts/
COPY src src
COPY adapters adapters
RUN npm run build

FROM node:24-slim
# SQLite sorts what is large in files, which it would look for a place for in /tmp.
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    POSTERN_DATABASE=sqlite:/data/postern.db \
    SQLITE_TMPDIR=/data
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The image's own Node runs it: the one that is an optional dependency is for machines with an older one.
RUN npm ci --omit=dev --omit=optional && npm cache clean --force
COPY LICENSE postern.config.ts ./
COPY bin bin
COPY --from=build /build/dist dist
RUN mkdir /data && chown node:node /data
VOLUME /data
USER node
EXPOSE 8080
# The nursery of the default size would hold 200 MB that nobody needs.
CMD ["node", "--max-semi-space-size=8", "bin/postern.js"]
