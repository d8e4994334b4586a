import type { Attributes } from '../dicom/write.ts';
import { DICTIONARY } from '../dicom/write-dictionary.ts';
import { phantomUid } from './identity.ts';
import type { StoredSlice } from './stored.ts';

export interface EnhancedSeries {
  readonly seed: number;
  readonly repetitionTimeMs: number;
  readonly echoTimeMs: number;
  readonly flipAngleDegrees: number;
  readonly echoTrainLength: number;
  readonly sliceThicknessMm: number;
  readonly contrast: 'T1' | 'T2';
}

const FRAME_TYPE = ['ORIGINAL', 'PRIMARY', 'M', 'NONE'];

/** Frame-wise attributes of an Enhanced MR Image object (PS3.3 A.36.2, C.7.6.16, C.7.6.17). */
export function enhancedAttributes(series: EnhancedSeries, slices: readonly StoredSlice[]): Attributes {
  const organization = phantomUid(series.seed, 900);
  const inner = {
    PixelPresentation: 'MONOCHROME',
    VolumetricProperties: 'VOLUME',
    VolumeBasedCalculationTechnique: 'NONE',
    ComplexImageComponent: 'MAGNITUDE',
    AcquisitionContrast: series.contrast,
  };
  const order = [...slices].sort((a, b) => a.position[0] - b.position[0]);
  return {
    ImageType: FRAME_TYPE,
    ...inner,
    AcquisitionDateTime: '20240115093000',
    NumberOfFrames: slices.length,
    EchoPulseSequence: 'SPIN',
    MRAcquisitionType: '2D',
    LossyImageCompression: '00',
    PresentationLUTShape: 'IDENTITY',
    DimensionOrganizationSequence: [{ DimensionOrganizationUID: organization }],
    DimensionIndexSequence: [
      {
        DimensionOrganizationUID: organization,
        DimensionIndexPointer: DICTIONARY.InStackPositionNumber[0],
        FunctionalGroupPointer: DICTIONARY.FrameContentSequence[0],
      },
    ],
    SharedFunctionalGroupsSequence: [sharedGroups(series, slices[0]!, inner)],
    PerFrameFunctionalGroupsSequence: slices.map((slice) => {
      const place = order.indexOf(slice) + 1;
      return {
        FrameContentSequence: [{ StackID: '1', InStackPositionNumber: place, DimensionIndexValues: place }],
        PlanePositionSequence: [{ ImagePositionPatient: slice.position }],
      };
    }),
  };
}

function sharedGroups(series: EnhancedSeries, slice: StoredSlice, inner: Attributes): Attributes {
  return {
    MRTimingAndRelatedParametersSequence: [
      {
        RepetitionTime: series.repetitionTimeMs,
        FlipAngle: series.flipAngleDegrees,
        EchoTrainLength: series.echoTrainLength,
        RFEchoTrainLength: series.echoTrainLength,
        GradientEchoTrainLength: 0,
      },
    ],
    MREchoSequence: [{ EffectiveEchoTime: series.echoTimeMs }],
    MRImageFrameTypeSequence: [{ FrameType: FRAME_TYPE, ...inner }],
    PlaneOrientationSequence: [{ ImageOrientationPatient: slice.orientation }],
    PixelMeasuresSequence: [
      {
        PixelSpacing: slice.spacingMm,
        SliceThickness: series.sliceThicknessMm,
        SpacingBetweenSlices: series.sliceThicknessMm * 1.1,
      },
    ],
    FrameVOILUTSequence: [{ WindowCenter: 450, WindowWidth: 900 }],
    PixelValueTransformationSequence: [{ RescaleIntercept: 0, RescaleSlope: 1, RescaleType: 'US' }],
  };
}
