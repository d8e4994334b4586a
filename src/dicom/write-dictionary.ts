/** Value representations that the writer knows: DICOM PS3.5 section 6.2. */
export type Vr =
  | 'AS'
  | 'AT'
  | 'CS'
  | 'DA'
  | 'DS'
  | 'DT'
  | 'FD'
  | 'FL'
  | 'IS'
  | 'LO'
  | 'LT'
  | 'OB'
  | 'OW'
  | 'PN'
  | 'SH'
  | 'SL'
  | 'SQ'
  | 'SS'
  | 'ST'
  | 'TM'
  | 'UI'
  | 'UL'
  | 'UN'
  | 'US'
  | 'UT';

/** Attributes by keyword with tag and value representation: DICOM PS3.6, those that the writer's callers use. */
export const DICTIONARY = {
  SpecificCharacterSet: [0x00080005, 'CS'],
  ImageType: [0x00080008, 'CS'],
  SOPClassUID: [0x00080016, 'UI'],
  SOPInstanceUID: [0x00080018, 'UI'],
  StudyDate: [0x00080020, 'DA'],
  SeriesDate: [0x00080021, 'DA'],
  AcquisitionDateTime: [0x0008002a, 'DT'],
  ContentDate: [0x00080023, 'DA'],
  StudyTime: [0x00080030, 'TM'],
  ContentTime: [0x00080033, 'TM'],
  AccessionNumber: [0x00080050, 'SH'],
  Modality: [0x00080060, 'CS'],
  Manufacturer: [0x00080070, 'LO'],
  InstitutionName: [0x00080080, 'LO'],
  ReferringPhysicianName: [0x00080090, 'PN'],
  StudyDescription: [0x00081030, 'LO'],
  SeriesDescription: [0x0008103e, 'LO'],
  ManufacturerModelName: [0x00081090, 'LO'],
  PixelPresentation: [0x00089205, 'CS'],
  VolumetricProperties: [0x00089206, 'CS'],
  VolumeBasedCalculationTechnique: [0x00089207, 'CS'],
  ComplexImageComponent: [0x00089208, 'CS'],
  AcquisitionContrast: [0x00089209, 'CS'],
  PatientName: [0x00100010, 'PN'],
  PatientID: [0x00100020, 'LO'],
  PatientBirthDate: [0x00100030, 'DA'],
  PatientSex: [0x00100040, 'CS'],
  PatientAge: [0x00101010, 'AS'],
  BodyPartExamined: [0x00180015, 'CS'],
  ScanningSequence: [0x00180020, 'CS'],
  SequenceVariant: [0x00180021, 'CS'],
  ScanOptions: [0x00180022, 'CS'],
  MRAcquisitionType: [0x00180023, 'CS'],
  SliceThickness: [0x00180050, 'DS'],
  RepetitionTime: [0x00180080, 'DS'],
  EchoTime: [0x00180081, 'DS'],
  InversionTime: [0x00180082, 'DS'],
  MagneticFieldStrength: [0x00180087, 'DS'],
  SpacingBetweenSlices: [0x00180088, 'DS'],
  EchoTrainLength: [0x00180091, 'IS'],
  DeviceSerialNumber: [0x00181000, 'LO'],
  SoftwareVersions: [0x00181020, 'LO'],
  FlipAngle: [0x00181314, 'DS'],
  PatientPosition: [0x00185100, 'CS'],
  EchoPulseSequence: [0x00189008, 'CS'],
  EffectiveEchoTime: [0x00189082, 'FD'],
  MRTimingAndRelatedParametersSequence: [0x00189112, 'SQ'],
  MREchoSequence: [0x00189114, 'SQ'],
  MRImageFrameTypeSequence: [0x00189226, 'SQ'],
  FrameType: [0x00089007, 'CS'],
  RFEchoTrainLength: [0x00189240, 'US'],
  GradientEchoTrainLength: [0x00189241, 'US'],
  StudyInstanceUID: [0x0020000d, 'UI'],
  SeriesInstanceUID: [0x0020000e, 'UI'],
  StudyID: [0x00200010, 'SH'],
  SeriesNumber: [0x00200011, 'IS'],
  InstanceNumber: [0x00200013, 'IS'],
  ImagePositionPatient: [0x00200032, 'DS'],
  ImageOrientationPatient: [0x00200037, 'DS'],
  FrameOfReferenceUID: [0x00200052, 'UI'],
  PositionReferenceIndicator: [0x00201040, 'LO'],
  StackID: [0x00209056, 'SH'],
  InStackPositionNumber: [0x00209057, 'UL'],
  FrameContentSequence: [0x00209111, 'SQ'],
  PlanePositionSequence: [0x00209113, 'SQ'],
  PlaneOrientationSequence: [0x00209116, 'SQ'],
  DimensionIndexValues: [0x00209157, 'UL'],
  DimensionOrganizationUID: [0x00209164, 'UI'],
  DimensionIndexPointer: [0x00209165, 'AT'],
  FunctionalGroupPointer: [0x00209167, 'AT'],
  UnassignedSharedConvertedAttributesSequence: [0x00209170, 'SQ'],
  UnassignedPerFrameConvertedAttributesSequence: [0x00209171, 'SQ'],
  DimensionOrganizationSequence: [0x00209221, 'SQ'],
  DimensionIndexSequence: [0x00209222, 'SQ'],
  SamplesPerPixel: [0x00280002, 'US'],
  PhotometricInterpretation: [0x00280004, 'CS'],
  NumberOfFrames: [0x00280008, 'IS'],
  Rows: [0x00280010, 'US'],
  Columns: [0x00280011, 'US'],
  PixelSpacing: [0x00280030, 'DS'],
  BitsAllocated: [0x00280100, 'US'],
  BitsStored: [0x00280101, 'US'],
  HighBit: [0x00280102, 'US'],
  PixelRepresentation: [0x00280103, 'US'],
  BurnedInAnnotation: [0x00280301, 'CS'],
  WindowCenter: [0x00281050, 'DS'],
  WindowWidth: [0x00281051, 'DS'],
  RescaleIntercept: [0x00281052, 'DS'],
  RescaleSlope: [0x00281053, 'DS'],
  RescaleType: [0x00281054, 'LO'],
  PixelMeasuresSequence: [0x00289110, 'SQ'],
  FrameVOILUTSequence: [0x00289132, 'SQ'],
  PixelValueTransformationSequence: [0x00289145, 'SQ'],
  LossyImageCompression: [0x00282110, 'CS'],
  PresentationLUTShape: [0x20500020, 'CS'],
  SharedFunctionalGroupsSequence: [0x52009229, 'SQ'],
  PerFrameFunctionalGroupsSequence: [0x52009230, 'SQ'],
} as const satisfies Record<string, readonly [tag: number, vr: Vr]>;

export type Keyword = keyof typeof DICTIONARY;
