import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Effect, PolicyStatement, ServicePrincipal, StarPrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type BucketProps,
  type CfnBucket,
  HttpMethods,
  type IBucket,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { INVOCATIONS_PREFIX } from '../../src/contracts/keys.ts';
import type { Config } from '../config.ts';
import { conforms } from '../conforms.ts';
import { names } from '../names.ts';

export interface BucketsProps {
  readonly config: Config;
  readonly key: IKey;
  /** Told of every whole upload. */
  readonly ingestQueueArn: string;
}

/** Uploads, results and what a backfill stages; access logs of all three. Each can be an existing bucket. */
export class Buckets extends Construct {
  readonly accessLogs: IBucket;
  readonly uploads: IBucket;
  readonly data: IBucket;
  readonly backfill: IBucket;
  readonly #props: BucketsProps;

  constructor(scope: Construct, id: string, props: BucketsProps) {
    super(scope, id);
    this.#props = props;
    const { uploadsBucketArn, dataBucketArn, accessLogsBucketArn } = props.config.existing;
    this.accessLogs = existing(this, 'AccessLogs', accessLogsBucketArn) ?? this.#accessLogs();
    const { uploadsBucket, dataBucket, backfillBucket } = names(props.config);
    if (uploadsBucketArn === undefined) this.#uploads();
    if (dataBucketArn === undefined) this.#data();
    this.#backfill();
    this.uploads = this.#byArn('UploadsName', uploadsBucketArn ?? bucketArn(this, uploadsBucket));
    this.data = this.#byArn('DataName', dataBucketArn ?? bucketArn(this, dataBucket));
    this.backfill = this.#byArn('BackfillName', bucketArn(this, backfillBucket));
  }

  /** By name, as everybody else sees a bucket: its ARN is the same text in every template. */
  #byArn(id: string, arn: string): IBucket {
    return Bucket.fromBucketArn(this, id, arn);
  }

  #accessLogs(): IBucket {
    const { config } = this.#props;
    const { retention } = config;
    const bucket = new Bucket(this, 'AccessLogs', {
      ...this.#protected(names(config).accessLogsBucket),
      // S3 delivers access logs to buckets with its own encryption only.
      encryption: BucketEncryption.S3_MANAGED,
      lifecycleRules: [
        {
          id: 'expire',
          expiration: Duration.days(retention.accessLogDays),
          noncurrentVersionExpiration: Duration.days(1),
        },
      ],
    });
    return conforms<IBucket>(bucket);
  }

  #uploads(): void {
    const { config, ingestQueueArn } = this.#props;
    const { retention } = config;
    const bucket = new Bucket(this, 'Uploads', {
      ...this.#encrypted(names(config).uploadsBucket, 'uploads/'),
      lifecycleRules: [
        {
          id: 'raw-patient-data-expires',
          expiration: Duration.days(retention.uploadDays),
          noncurrentVersionExpiration: Duration.days(1),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
      cors: [
        {
          allowedMethods: [HttpMethods.POST, HttpMethods.PUT],
          allowedOrigins: config.uploadOrigins,
          allowedHeaders: ['*'],
          exposedHeaders: ['ETag'],
          maxAge: 300,
        },
      ],
    });
    if (!config.malwareGate) notify(bucket, ingestQueueArn);
    else scannedOnly(bucket);
  }

  #data(): void {
    const { config } = this.#props;
    new Bucket(this, 'Data', {
      ...this.#encrypted(names(config).dataBucket, 'data/'),
      lifecycleRules: [
        {
          id: 'superseded-results-expire',
          noncurrentVersionExpiration: Duration.days(config.retention.noncurrentDays),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
        { id: 'requests-expire', prefix: `${INVOCATIONS_PREFIX}/`, expiration: Duration.days(7) },
      ],
    });
  }

  #backfill(): void {
    const { config } = this.#props;
    new Bucket(this, 'Backfill', {
      ...this.#encrypted(names(config).backfillBucket, 'backfill/'),
      lifecycleRules: [
        {
          id: 'staged-studies-expire',
          expiration: Duration.days(config.retention.backfillDays),
          noncurrentVersionExpiration: Duration.days(1),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
    });
  }

  #encrypted(bucketName: string, logPrefix: string): BucketProps {
    return {
      ...this.#protected(bucketName),
      encryption: BucketEncryption.KMS,
      encryptionKey: this.#props.key,
      bucketKeyEnabled: true,
      serverAccessLogsBucket: this.accessLogs,
      serverAccessLogsPrefix: logPrefix,
    };
  }

  #protected(bucketName: string): BucketProps {
    return {
      bucketName,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: true,
      removalPolicy: this.#props.config.keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    };
  }
}

export const bucketArn = (scope: Construct, name: string): string =>
  Stack.of(scope).formatArn({ service: 's3', region: '', account: '', resource: name });

function existing(scope: Construct, id: string, arn: string | undefined): IBucket | undefined {
  return arn === undefined ? undefined : Bucket.fromBucketArn(scope, id, arn);
}

/** Notifications watch `in/` alone. Written into the bucket itself: a helper function would need rights on all buckets. */
function notify(bucket: Bucket, queueArn: string): void {
  const resource = bucket.node.defaultChild as CfnBucket;
  resource.notificationConfiguration = {
    queueConfigurations: [
      {
        event: 's3:ObjectCreated:*',
        queue: queueArn,
        filter: { s3Key: { rules: [{ name: 'prefix', value: 'in/' }] } },
      },
    ],
  };
}

/** With the malware gate an object can be read only once GuardDuty has found no threat in it. */
function scannedOnly(bucket: Bucket): void {
  (bucket.node.defaultChild as CfnBucket).notificationConfiguration = {
    eventBridgeConfiguration: { eventBridgeEnabled: true },
  };
  bucket.addToResourcePolicy(
    new PolicyStatement({
      sid: 'ReadOnlyWhatWasScanned',
      effect: Effect.DENY,
      principals: [new StarPrincipal()],
      actions: ['s3:GetObject', 's3:GetObjectVersion'],
      resources: [bucket.arnForObjects('in/*'), bucket.arnForObjects('parts/*')],
      conditions: {
        StringNotEquals: { 's3:ExistingObjectTag/GuardDutyMalwareScanStatus': 'NO_THREATS_FOUND' },
        ArnNotLike: {
          'aws:PrincipalArn': `arn:${Stack.of(bucket).partition}:iam::${Stack.of(bucket).account}:role/discflow-*-malware-scan`,
        },
      },
    }),
  );
}

/** Lets S3 put notifications of one bucket of this account into a queue. */
export const s3MayNotify = (queueArn: string, bucketArn: string, account: string): PolicyStatement =>
  new PolicyStatement({
    sid: 'UploadsNotify',
    principals: [new ServicePrincipal('s3.amazonaws.com')],
    actions: ['sqs:SendMessage'],
    resources: [queueArn],
    conditions: { ArnEquals: { 'aws:SourceArn': bucketArn }, StringEquals: { 'aws:SourceAccount': account } },
  });
