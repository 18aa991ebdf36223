"""Writes the trained network as ONNX with 16-bit weights, batch normalisation folded in.

Example:
    python scripts/train/export.py .cache/train/run/average.pt -o assets/evidence/evidence.onnx
"""
import argparse
import io

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from network import PARTS, Network
from samples import INPUTS


def fold(network):
    """Every convolution takes over the batch normalisation that follows it."""
    for stack in [*network.down, *network.up]:
        for i in (0, 3):
            fused = torch.nn.utils.fusion.fuse_conv_bn_eval(stack[i], stack[i + 1])
            stack[i], stack[i + 1] = fused, torch.nn.Identity()
    return network


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('weights')
    p.add_argument('-o', '--output', default='assets/evidence/evidence.onnx')
    a = p.parse_args()
    state = torch.load(a.weights, map_location='cpu', weights_only=True)
    state = {k.removeprefix('module.'): v for k, v in state.items() if k != 'n_averaged'}
    network = Network()
    network.load_state_dict(state)
    network = fold(network.eval())
    file = io.BytesIO()
    torch.onnx.export(network, torch.zeros(1, INPUTS, 256, 256), file, input_names=['inputs'], output_names=['evidence'], opset_version=17, dynamo=False)
    model = onnx.load_from_string(file.getvalue())
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < 64:
            continue
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name + '_half')
        casts.append(helper.make_node('Cast', [half.name], [tensor.name], to=TensorProto.FLOAT))
        tensor.CopyFrom(half)
    for i, node in enumerate(casts):
        model.graph.node.insert(i, node)
    model.metadata_props.add(key='parts', value=','.join(f'{k}:{v}' for k, v in PARTS.items()))
    onnx.checker.check_model(model)
    onnx.save(model, a.output)


if __name__ == '__main__':
    main()
