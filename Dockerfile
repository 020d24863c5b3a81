# Runs the sources as they are: Node strips the types, so nothing is built. Writes to /data and nowhere else, so the
# rest of the file system may be read-only: docker run --read-only -v postern:/data -p 8080:8080 --env-file secrets.env
FROM node:24-slim

ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8080 \
    POSTERN_DATABASE=sqlite:/data/postern.db \
    SQLITE_TMPDIR=/data

WORKDIR /app
# The image's own Node runs it: the one that is an optional dependency is for machines with an older one.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional && npm cache clean --force
COPY LICENSE postern.config.ts ./
COPY bin bin
COPY src src
COPY adapters adapters

RUN mkdir /data && chown node:node /data
VOLUME /data
USER node
EXPOSE 8080
CMD ["node", "bin/postern.js"]
