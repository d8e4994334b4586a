import { Stack, type StackProps } from 'aws-cdk-lib';
import { Architecture, type Code, LayerVersion } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { modelLayerCode, nativeLayerCode } from '../bundling/code.ts';
import type { Config } from '../config.ts';
import { RUNTIME } from '../constructs/service-function.ts';

/** Native packages and the model pack, copied once and shared by the functions. */
export class LayersStack extends Stack {
  readonly pictures: LayerVersion;
  readonly inference: LayerVersion;
  readonly models: LayerVersion;

  constructor(scope: Construct, id: string, props: StackProps & { config: Config }) {
    super(scope, id, props);
    this.pictures = this.#layer('Pictures', 'sharp and the codecs of DICOM', nativeLayerCode('pictures'));
    this.inference = this.#layer('Inference', 'ONNX Runtime', nativeLayerCode('inference'));
    this.models = this.#layer('Models', 'the default model pack', modelLayerCode());
  }

  #layer(id: string, description: string, code: Code): LayerVersion {
    return new LayerVersion(this, id, {
      description: `discflow: ${description}`,
      code,
      compatibleRuntimes: [RUNTIME],
      compatibleArchitectures: [Architecture.X86_64],
    });
  }
}
