import { Architecture, type Code, LayerVersion } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { modelLayerCode, nativeLayerCode } from '../bundling/code.ts';
import { RUNTIME } from './service-function.ts';

const LAYERS = {
  pictures: { id: 'Pictures', description: 'sharp and the codecs of DICOM', code: () => nativeLayerCode('pictures') },
  inference: { id: 'Inference', description: 'ONNX Runtime', code: () => nativeLayerCode('inference') },
  models: { id: 'Models', description: 'the default model pack', code: modelLayerCode },
} as const satisfies Record<string, { id: string; description: string; code: () => Code }>;

/**
 * Native packages and the model pack, as layers of the stack whose functions use them. A layer's ARN changes with its
 * content, and CloudFormation changes no export that another stack imports: in a stack of their own layers could be
 * deployed once and never updated.
 */
export class Layers extends Construct {
  readonly #made = new Map<keyof typeof LAYERS, LayerVersion>();

  of(...names: Array<keyof typeof LAYERS>): LayerVersion[] {
    return names.map((name) => {
      const layer = this.#made.get(name) ?? this.#make(name);
      this.#made.set(name, layer);
      return layer;
    });
  }

  #make(name: keyof typeof LAYERS): LayerVersion {
    const { id, description, code } = LAYERS[name];
    return new LayerVersion(this, id, {
      description: `discflow: ${description}`,
      code: code(),
      compatibleRuntimes: [RUNTIME],
      compatibleArchitectures: [Architecture.X86_64],
    });
  }
}
