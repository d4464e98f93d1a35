package onnx

// The messages of onnx.proto, as far as they are read and written here: the numbers of their fields.
const (
	modelIR, modelProducer, modelProducerVersion = 1, 2, 3
	modelDoc, modelGraph, modelOpset, modelProps = 6, 7, 8, 14

	opsetDomain, opsetVersion = 1, 2
	entryKey, entryValue      = 1, 2

	graphNode, graphName, graphInitializer, graphDoc = 1, 2, 5, 10
	graphInput, graphOutput, graphSparse             = 11, 12, 15

	nodeInput, nodeOutput, nodeName, nodeOp, nodeAttribute, nodeDomain = 1, 2, 3, 4, 5, 7

	attributeName, attributeReference, attributeType = 1, 21, 20
	attributeF, attributeI, attributeS, attributeT   = 2, 3, 4, 5
	attributeFloats, attributeInts, attributeStrings = 7, 8, 9
	kindFloat, kindInt, kindString, kindTensor       = 1, 2, 3, 4
	kindFloats, kindInts, kindStrings                = 6, 7, 8

	valueName, valueType, valueDoc = 1, 2, 3
	typeTensor, typeElem, typeDims = 1, 1, 2
	shapeDim, dimValue, dimName    = 1, 1, 2

	tensorDims, tensorType, tensorSegment, tensorName, tensorRaw = 1, 2, 3, 8, 9
	tensorFloats, tensorInt32s, tensorInt64s, tensorDoubles      = 4, 5, 7, 10
	tensorExternal, tensorLocation, locationExternal             = 13, 14, 1
)
