"""A small network, with random weights, of every vision family in KerasHub.

FAMILIES has a function for each backbone of pictures. An image classifier is put on top wherever KerasHub has
one for it. Not among them are models of words that may take pictures too, of videos, and those that make
pictures; and detectors that put a network of their own on a backbone (SAM, D-FINE).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SIDE, CLASSES = 64, 7
SHAPE = (SIDE, SIDE, 3)
_SMALL = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16}


def _resnet(models: Any, **settings: Any) -> Any:
    return models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 64, 64, 64],
        stackwise_num_blocks=[1, 1, 1, 1],
        stackwise_num_strides=[1, 2, 2, 2],
        **{"block_type": "basic_block", "image_shape": SHAPE, **settings},
    )


def _resnet_v2(models: Any) -> Any:
    return _resnet(models, block_type="bottleneck_block", use_pre_activation=True)


def _resnet_vd(models: Any) -> Any:
    return models.ResNetBackbone(
        input_conv_filters=[16, 16, 64],
        input_conv_kernel_sizes=[3, 3, 3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="bottleneck_block_vd",
        image_shape=SHAPE,
    )


def _cspnet(models: Any) -> Any:
    return models.CSPNetBackbone(
        stem_filters=8,
        stem_kernel_size=3,
        stem_strides=1,
        stackwise_depth=[1, 2],
        stackwise_strides=[1, 2],
        stackwise_num_filters=[8, 16],
        block_type="dark_block",
        stage_type="dark",
        image_shape=SHAPE,
    )


def _densenet(models: Any) -> Any:
    return models.DenseNetBackbone(
        stackwise_num_repeats=[2, 2], growth_rate=8, compression_ratio=0.5, image_shape=SHAPE
    )


def _efficientnet(models: Any) -> Any:
    return models.EfficientNetBackbone(
        stackwise_width_coefficients=[1.0] * 2,
        stackwise_depth_coefficients=[1.0] * 2,
        stackwise_kernel_sizes=[3, 3],
        stackwise_num_repeats=[1, 2],
        stackwise_input_filters=[16, 16],
        stackwise_output_filters=[16, 24],
        stackwise_expansion_ratios=[4, 6],
        stackwise_squeeze_and_excite_ratios=[0.0, 0.25],
        stackwise_strides=[2, 2],
        stackwise_block_types=["fused", "unfused"],
        stackwise_force_input_filters=[0, 0],
        stackwise_nores_option=[False, False],
        input_shape=SHAPE,
    )


def _hgnetv2(models: Any) -> Any:
    return models.HGNetV2Backbone(
        depths=[1, 2],
        embedding_size=16,
        hidden_sizes=[32, 64],
        stem_channels=[3, 8, 16],
        hidden_act="relu",
        use_learnable_affine_block=True,
        stackwise_stage_filters=[(16, 8, 32, 1, 1, 3), (32, 16, 64, 2, 1, 3)],
        apply_downsample=[False, True],
        use_lightweight_conv_block=[False, True],
        image_shape=SHAPE,
    )


def _mit(models: Any) -> Any:
    return models.MiTBackbone(
        layerwise_depths=[1, 1],
        num_layers=2,
        layerwise_num_heads=[1, 2],
        layerwise_sr_ratios=[2, 1],
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7, 3],
        layerwise_strides=[4, 2],
        hidden_dims=[16, 32],
        image_shape=SHAPE,
    )


def _mobilenet(models: Any) -> Any:
    return models.MobileNetBackbone(
        stackwise_expansion=[[16, 24], [24]],
        stackwise_num_blocks=[2, 1],
        stackwise_num_filters=[[16, 16], [24]],
        stackwise_kernel_size=[[3, 3], [5]],
        stackwise_num_strides=[[2, 1], [2]],
        stackwise_se_ratio=[[None, None], [0.25]],
        stackwise_activation=[["relu", "relu"], ["hard_swish"]],
        stackwise_padding=[[1, 1], [2]],
        output_num_filters=64,
        depthwise_filters=16,
        depthwise_stride=1,
        depthwise_residual=True,
        squeeze_and_excite=0.5,
        last_layer_filter=32,
        image_shape=SHAPE,
    )


def _mobilenet_v5(models: Any) -> Any:
    settings: dict[str, Any] = {
        "block_types": [["er"], ["uir", "mqa"]],
        "num_blocks": [1, 2],
        "num_filters": [[24], [48, 48]],
        "strides": [[2], [2, 1]],
        "act_layers": [["relu"], ["relu", "relu"]],
        "exp_ratios": [[4.0], [6.0, 6.0]],
        "se_ratios": [[0.0], [0.0, 0.0]],
        "dw_kernel_sizes": [[0], [5, 5]],
        "dw_start_kernel_sizes": [[0], [0, 0]],
        "dw_end_kernel_sizes": [[0], [0, 0]],
        "exp_kernel_sizes": [[3], [0, 0]],
        "pw_kernel_sizes": [[1], [0, 0]],
        "num_heads": [[0], [0, 2]],
        "key_dims": [[0], [0, 8]],
        "value_dims": [[0], [0, 8]],
        "kv_strides": [[0], [0, 1]],
        "use_cpe": [[False], [False, False]],
    }
    stackwise = {f"stackwise_{name}": value for name, value in settings.items()}
    return models.MobileNetV5Backbone(**stackwise, use_msfa=False, image_shape=SHAPE)


def _swin(models: Any) -> Any:
    return models.SwinTransformerBackbone(
        image_shape=SHAPE, patch_size=4, embed_dim=16, depths=(2, 2), num_heads=(2, 4), window_size=4
    )


def _vgg(models: Any) -> Any:
    return models.VGGBackbone(stackwise_num_repeats=[1, 2], stackwise_num_filters=[16, 32], image_shape=SHAPE)


def _vit(models: Any) -> Any:
    return models.ViTBackbone(image_shape=SHAPE, patch_size=16, mlp_dim=32, **_SMALL)


def _deit(models: Any) -> Any:
    return models.DeiTBackbone(image_shape=SHAPE, patch_size=16, intermediate_dim=32, **_SMALL)


def _xception(models: Any) -> Any:
    return models.XceptionBackbone(
        stackwise_conv_filters=[[16, 16], [32, 32]], stackwise_pooling=[True, False], image_shape=SHAPE
    )


def _dino(name: str, **settings: Any) -> Callable[[Any], Any]:
    def make(models: Any) -> Any:
        kind = getattr(models, name)
        return kind(patch_size=16, intermediate_dim=32, image_shape=SHAPE, **_SMALL, **settings)

    return make


def _encoder(name: str) -> Callable[[Any], Any]:
    def make(models: Any) -> Any:
        kind = getattr(models, f"{name}VisionEncoder")
        return kind(patch_size=16, intermediate_dim=32, image_shape=SHAPE, **_SMALL)

    return make


def _of_words_too(name: str) -> Callable[[Any], Any]:
    def make(models: Any) -> Any:
        words = getattr(models, f"{name}TextEncoder")(
            vocabulary_size=32, embedding_dim=16, intermediate_dim=32, max_sequence_length=8, **_SMALL
        )
        settings = {} if name == "SigLIP" else {"projection_dim": 8}
        vision = _encoder(name)(models)
        return getattr(models, f"{name}Backbone")(vision_encoder=vision, text_encoder=words, **settings)

    return make


def _vit_det(models: Any) -> Any:
    return models.ViTDetBackbone(
        image_shape=SHAPE,
        patch_size=8,
        hidden_size=16,
        num_layers=2,
        global_attention_layer_indices=[1],
        intermediate_dim=32,
        num_heads=2,
        num_output_channels=8,
        window_size=4,
    )


def _depth_anything(models: Any) -> Any:
    settings = {**_SMALL, "num_layers": 4}
    encoder = models.DINOV2Backbone(
        patch_size=8,
        intermediate_dim=32,
        image_shape=SHAPE,
        position_embedding_shape=SHAPE[:2],
        apply_layernorm=True,
        **settings,
    )
    return models.DepthAnythingBackbone(
        image_encoder=encoder,
        reassemble_factors=[4, 2, 1, 0.5],
        neck_hidden_dims=[8, 8, 8, 8],
        fusion_hidden_dim=8,
        head_hidden_dim=8,
        head_in_index=-1,
        feature_keys=["stage1", "stage2", "stage3", "stage4"],
    )


def _segformer(models: Any) -> Any:
    return models.SegFormerBackbone(image_encoder=_mit(models), projection_filters=8)


def _deeplab(models: Any) -> Any:
    return models.DeepLabV3Backbone(
        image_encoder=_resnet(models, image_shape=(None, None, 3)),
        projection_filters=8,
        low_level_feature_key="P2",
        spatial_pyramid_pooling_key="P4",
        upsampling_size=4,
        dilation_rates=[2, 4],
        image_shape=SHAPE,
    )


def _basnet(models: Any) -> Any:
    encoder = _resnet(models, image_shape=(None, None, 3))
    return models.BASNetBackbone(
        image_encoder=encoder, num_classes=1, projection_filters=64, image_shape=(128, 128, 3)
    )


def _retinanet(models: Any) -> Any:
    encoder = _resnet(models, image_shape=(None, None, 3))
    return models.RetinaNetBackbone(
        image_encoder=encoder, min_level=3, max_level=5, use_p5=False, image_shape=SHAPE
    )


FAMILIES: dict[str, Callable[[Any], Any]] = {
    "CLIP": _of_words_too("CLIP"),
    "CLIP, vision encoder": _encoder("CLIP"),
    "CSPNet": _cspnet,
    "DINOv2": _dino("DINOV2Backbone", position_embedding_shape=SHAPE[:2]),
    "DINOv2 with registers": _dino(
        "DINOV2Backbone", position_embedding_shape=SHAPE[:2], num_register_tokens=4, use_swiglu_ffn=True
    ),
    "DINOv3": _dino("DINOV3Backbone"),
    "DINOv3, gated MLP": _dino("DINOV3Backbone", use_gated_mlp=True),
    "DeepLabV3": _deeplab,
    "DeiT": _deit,
    "DenseNet": _densenet,
    "DepthAnything": _depth_anything,
    "EfficientNet": _efficientnet,
    "HGNetV2": _hgnetv2,
    "MetaCLIP 2": _of_words_too("MetaCLIP2"),
    "MiT": _mit,
    "MobileNet": _mobilenet,
    "MobileNetV5": _mobilenet_v5,
    "ResNet": _resnet,
    "ResNet v2": _resnet_v2,
    "ResNet vd": _resnet_vd,
    "RetinaNet": _retinanet,
    "SegFormer": _segformer,
    "SigLIP": _of_words_too("SigLIP"),
    "SigLIP, vision encoder": _encoder("SigLIP"),
    "Swin Transformer": _swin,
    "VGG": _vgg,
    "ViT": _vit,
    "ViTDet": _vit_det,
    "Xception": _xception,
    "BASNet": _basnet,
}


def classifier_on(models: Any, backbone: Any) -> Any:
    """KerasHub's image classifier on a backbone; None if it has none."""
    kinds = [kind for kind in models.ImageClassifier.__subclasses__() if kind.backbone_cls is type(backbone)]
    if not kinds:
        return None
    small: dict[str, dict[str, Any]] = {
        "VGGImageClassifier": {"pooling_hidden_dim": 32},
        "MobileNetImageClassifier": {"num_features": 32},
        "HGNetV2ImageClassifier": {"head_filters": 32, "preprocessor": None},
        "MobileNetV5ImageClassifier": {"head_hidden_size": 32},
    }
    return kinds[0](backbone=backbone, num_classes=CLASSES, **small.get(kinds[0].__name__, {}))
