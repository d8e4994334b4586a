import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { copyObject } from './copy.ts';
import { readDocument } from './document.ts';
import { errorDocument, S3Error } from './errors.ts';
import { listObjects } from './listing.ts';
import { abortUpload, completeUpload, createUpload, listParts, uploadPart } from './multipart.ts';
import { deleteObject, deleteObjects, getObject, putObject, sendXml } from './objects.ts';
import { postObject } from './post.ts';
import { readRequest, type S3Request } from './request.ts';
import { type Credentials, type SignatureChecker, signatureChecker } from './signature.ts';
import type { S3Store } from './store.ts';
import { element, group, S3_NAMESPACE, xmlDocument } from './xml.ts';

export interface S3ServerOptions {
  readonly store: S3Store;
  readonly credentials: Credentials;
  readonly region: string;
  /** Answered in `x-discflow-instance`: tells a client whose port this is. */
  readonly instance?: string;
  readonly nowMs?: () => number;
  /** Faults of this server itself, which clients see as `InternalError`. */
  readonly onFault: (error: unknown) => void;
}

export interface S3Server {
  readonly port: number;
  close(): Promise<void>;
}

/** Longer than any client keeps an idle connection, so that none is closed under a request. */
const KEEP_ALIVE_MS = 120_000;

/** Serves a store over HTTP on loopback, on a port that the system chooses. */
export async function startS3Server(options: S3ServerOptions): Promise<S3Server> {
  const context = new S3Service(options);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (request, response) => {
    void context.serve(request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => closeServer(server) };
}

export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error instanceof Error ? reject(error) : resolve()));
    server.closeAllConnections();
  });
}

/** What reading or writing a request says once the client has closed it. */
function isDisconnect(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE';
}

class S3Service {
  readonly #options: S3ServerOptions;
  readonly #checker: SignatureChecker;
  readonly #nowMs: () => number;

  constructor(options: S3ServerOptions) {
    this.#options = options;
    this.#checker = signatureChecker(options.credentials);
    this.#nowMs = options.nowMs ?? Date.now;
  }

  async serve(raw: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomBytes(8).toString('hex').toUpperCase();
    response.setHeader('x-amz-request-id', requestId);
    if (this.#options.instance !== undefined) response.setHeader('x-discflow-instance', this.#options.instance);
    try {
      await this.#route(readRequest(raw), response);
    } catch (error) {
      this.#fail(error, requestId, raw, response);
    }
  }

  #fail(error: unknown, requestId: string, raw: IncomingMessage, response: ServerResponse): void {
    // A request whose body could not be stored was destroyed with its socket; it has none then.
    const gone = response.socket === null || response.socket.destroyed;
    if (!(error instanceof S3Error) && !(gone && isDisconnect(error))) this.#options.onFault(error);
    if (gone) return;
    const fault = error instanceof S3Error ? error : new S3Error('InternalError', 'We encountered an internal error.');
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (!raw.complete) {
      response.setHeader('connection', 'close');
      raw.resume();
    }
    if (raw.method === 'HEAD' || fault.status === 304) {
      response.writeHead(fault.status, fault.headers).end();
    } else {
      sendXml(response, errorDocument(fault, requestId), fault.status, fault.headers);
    }
  }

  async #route(request: S3Request, response: ServerResponse): Promise<void> {
    const { store } = this.#options;
    if (request.bucket !== '' && isForm(request)) {
      store.checkBucket(request.bucket);
      return postObject(store, request, response, this.#checker, this.#nowMs());
    }
    const { payloadHash } = this.#checker.checkRequest(request, this.#nowMs());
    checkPayload(payloadHash);
    if (request.bucket === '') return this.#listBuckets(request, response);
    store.checkBucket(request.bucket);
    return request.key === ''
      ? this.#routeBucket(request, response, payloadHash)
      : this.#routeObject(request, response, payloadHash);
  }

  async #routeBucket(request: S3Request, response: ServerResponse, payloadHash: string): Promise<void> {
    const { store, region } = this.#options;
    const { method } = request;
    if (method === 'GET' && request.query.has('location')) {
      only(request, ['location']);
      return sendXml(response, xmlDocument('LocationConstraint', region === 'us-east-1' ? '' : region, S3_NAMESPACE));
    }
    if (method === 'GET') {
      only(request, [
        'list-type',
        'prefix',
        'delimiter',
        'max-keys',
        'continuation-token',
        'start-after',
        'encoding-type',
        'fetch-owner',
      ]);
      return listObjects(store, request, response);
    }
    if (method === 'HEAD') {
      only(request, []);
      response.writeHead(200, { 'x-amz-bucket-region': region }).end();
      return;
    }
    if (method === 'POST' && request.query.has('delete')) {
      only(request, ['delete']);
      return deleteObjects(store, request, response, await readDocument(request, payloadHash));
    }
    throw notImplemented();
  }

  async #routeObject(request: S3Request, response: ServerResponse, payloadHash: string): Promise<void> {
    const { store } = this.#options;
    const multipart = request.query.has('uploadId');
    switch (request.method) {
      case 'GET':
        only(request, multipart ? ['uploadId', 'max-parts', 'part-number-marker'] : READ_PARAMETERS);
        return multipart ? listParts(store, request, response) : getObject(store, request, response);
      case 'HEAD':
        only(request, READ_PARAMETERS);
        return getObject(store, request, response);
      case 'PUT':
        only(request, multipart ? ['uploadId', 'partNumber'] : []);
        if (multipart && request.header('x-amz-copy-source') !== undefined) throw notImplemented();
        if (multipart) return uploadPart(store, request, response, payloadHash);
        if (request.header('x-amz-copy-source') !== undefined) return copyObject(store, request, response);
        return putObject(store, request, response, payloadHash);
      case 'POST':
        only(request, multipart ? ['uploadId'] : ['uploads']);
        if (multipart) return completeUpload(store, request, response, await readDocument(request, payloadHash));
        if (request.query.has('uploads')) return createUpload(store, request, response);
        throw notImplemented();
      case 'DELETE':
        only(request, multipart ? ['uploadId'] : ['versionId']);
        return multipart ? abortUpload(store, request, response) : deleteObject(store, request, response);
      default:
        throw new S3Error('MethodNotAllowed', 'The specified method is not allowed against this resource.');
    }
  }

  #listBuckets(request: S3Request, response: ServerResponse): void {
    if (request.method !== 'GET') throw notImplemented();
    only(request, ['max-buckets']);
    const buckets = this.#options.store.bucketNames.map((name) =>
      group('Bucket', element('Name', name) + element('CreationDate', new Date(0).toISOString())),
    );
    sendXml(response, xmlDocument('ListAllMyBucketsResult', group('Buckets', buckets.join('')), S3_NAMESPACE));
  }
}

const READ_PARAMETERS = [
  'versionId',
  ...['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-type', 'expires'].map(
    (name) => `response-${name}`,
  ),
];

const notImplemented = (): S3Error =>
  new S3Error('NotImplemented', 'A header or sub-resource you provided implies functionality that is not implemented');

/** Any sub-resource that an operation does not know is answered with 501 instead of being ignored. */
function only(request: S3Request, allowed: readonly string[]): void {
  for (const name of request.query.keys()) {
    if (name !== 'x-id' && !/^x-amz-/i.test(name) && !allowed.includes(name)) throw notImplemented();
  }
}

const isForm = (request: S3Request): boolean =>
  request.method === 'POST' &&
  request.key === '' &&
  /^multipart\/form-data/i.test(request.header('content-type') ?? '');

function checkPayload(payloadHash: string): void {
  if (payloadHash === 'UNSIGNED-PAYLOAD' || payloadHash === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER') return;
  if (/^[0-9a-f]{64}$/.test(payloadHash)) return;
  throw new S3Error('NotImplemented', 'Signed chunks are not implemented.');
}
