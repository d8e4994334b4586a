import { Stack, Stage } from 'aws-cdk-lib';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { imageContext } from '../bundling/image.ts';
import type { Config } from '../config.ts';
import { partsOfImage } from '../image-uri.ts';
import { allow } from './service-function.ts';

/**
 * The one image of GPU workers: the SQS loop for ECS, `/ping` and `/invocations` for SageMaker. Synthesis only lays
 * its build folder out; Docker is asked for when it is deployed, unless the image lies in a registry already.
 */
export class WorkerImage extends Construct {
  readonly uri: string;
  readonly container: ContainerImage;
  readonly #repositoryArn: string;

  constructor(scope: Construct, id: string, config: Config) {
    super(scope, id);
    const { imageUri } = config.analyze;
    if (imageUri === undefined) {
      const asset = new DockerImageAsset(this, 'Asset', {
        directory: imageContext(Stack.of(this).bundlingRequired ? Stage.of(this)?.outdir : undefined),
        platform: Platform.LINUX_AMD64,
        assetName: 'discflow-analyze',
      });
      this.uri = asset.imageUri;
      this.container = ContainerImage.fromEcrRepository(asset.repository, asset.imageTag);
      this.#repositoryArn = asset.repository.repositoryArn;
    } else {
      const { account, region, repository } = partsOfImage(imageUri);
      this.uri = imageUri;
      this.container = ContainerImage.fromRegistry(imageUri);
      this.#repositoryArn = `arn:${Stack.of(this).partition}:ecr:${region}:${account}:repository/${repository}`;
    }
  }

  get pulls(): PolicyStatement[] {
    return [
      allow(['ecr:GetAuthorizationToken'], ['*']),
      allow(
        ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
        [this.#repositoryArn],
      ),
    ];
  }
}
